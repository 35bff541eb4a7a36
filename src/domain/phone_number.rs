//! A phone number as WeChat gives it: what is shown of it, and how it is looked for.
//!
//! Personal: it prints as a mark, and the only ways out are the ones with a name. Source: the notes
//! on open data, sections 3 and 5.

use serde::{Deserialize, Serialize};

/// The longest whole number, in characters: fifteen digits (E.164) with room for signs between them.
const WHOLE_CHARS_MAX: usize = 32;
/// The longest number without its country code, in characters.
const PURE_CHARS_MAX: usize = 24;
/// The longest country code, in characters.
const COUNTRY_CHARS_MAX: usize = 8;
/// A number has at most fifteen digits (E.164) and, to be one, at least five.
const DIGITS_MIN: usize = 5;
const DIGITS_MAX: usize = 15;
/// China's country code, which numbers written without one belong to.
const CHINA: &str = "86";

/// What is wrong with a phone number. Never says what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a phone number")]
pub struct PhoneNumberError;

/// A number in WeChat's three parts, as WeChat wrote them.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Parts", into = "Parts")]
pub struct PhoneNumber {
    parts: Parts,
    country: String,
    pure: String,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Parts {
    whole: String,
    pure: String,
    country_code: String,
}

impl std::fmt::Debug for PhoneNumber {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("PhoneNumber(…)")
    }
}

impl PhoneNumber {
    /// Takes WeChat's `phoneNumber`, `purePhoneNumber` and `countryCode`.
    ///
    /// # Errors
    /// When one of them is no number, or too long.
    pub fn parse(whole: String, pure: String, country_code: String) -> Result<Self, PhoneNumberError> {
        Parts {
            whole,
            pure,
            country_code,
        }
        .try_into()
    }

    /// WeChat's `phoneNumber`: with the country code if it is a foreign one.
    pub fn whole(&self) -> &str {
        &self.parts.whole
    }

    /// WeChat's `purePhoneNumber`: without the country code.
    pub fn pure(&self) -> &str {
        &self.parts.pure
    }

    /// WeChat's `countryCode`.
    pub fn country_code(&self) -> &str {
        &self.parts.country_code
    }

    /// What is shown: `138****0001` of a Chinese mobile number, `+852****4567` of a foreign one. Of
    /// numbers with less than eight digits only the last two are shown.
    pub fn masked(&self) -> String {
        let shown = if self.pure.len() < 8 { 2 } else { 4 };
        let tail = self
            .pure
            .get(self.pure.len().saturating_sub(shown)..)
            .unwrap_or_default();
        match self.pure.get(..3) {
            Some(head) if self.country == CHINA && self.pure.len() == 11 => format!("{head}****{tail}"),
            _ => format!("+{}****{tail}", self.country),
        }
    }

    /// By what it is found: `+` with country code and number, digits alone.
    pub fn wanted(&self) -> WantedNumber {
        WantedNumber(format!("+{}{}", self.country, self.pure))
    }
}

impl TryFrom<Parts> for PhoneNumber {
    type Error = PhoneNumberError;

    fn try_from(parts: Parts) -> Result<Self, PhoneNumberError> {
        let is_short = parts.whole.len() <= WHOLE_CHARS_MAX
            && parts.pure.len() <= PURE_CHARS_MAX
            && parts.country_code.len() <= COUNTRY_CHARS_MAX;
        let country = digits(&parts.country_code).ok_or(PhoneNumberError)?;
        let pure = digits(&parts.pure).ok_or(PhoneNumberError)?;
        let whole = digits(&parts.whole).ok_or(PhoneNumberError)?;
        let is_whole = whole.ends_with(&pure) && !country.is_empty();
        if is_short && is_whole && (DIGITS_MIN..=DIGITS_MAX).contains(&pure.len()) {
            Ok(Self { parts, country, pure })
        } else {
            Err(PhoneNumberError)
        }
    }
}

impl From<PhoneNumber> for Parts {
    fn from(number: PhoneNumber) -> Self {
        number.parts
    }
}

/// A whole number that somebody is looked for by. Personal like the number itself.
#[derive(Clone, PartialEq, Eq)]
pub struct WantedNumber(String);

impl std::fmt::Debug for WantedNumber {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("WantedNumber(…)")
    }
}

impl WantedNumber {
    /// Takes a number as people write it: with `+` or `00` and the country code, or a Chinese one
    /// without. Blanks, hyphens, dots and brackets between the digits say nothing.
    ///
    /// # Errors
    /// When it is no number.
    pub fn parse(text: &str) -> Result<Self, PhoneNumberError> {
        let text = text.trim();
        if text.chars().count() > WHOLE_CHARS_MAX {
            return Err(PhoneNumberError);
        }
        let digits = digits(text).ok_or(PhoneNumberError)?;
        let international = if text.starts_with('+') {
            digits
        } else if let Some(international) = digits.strip_prefix("00") {
            international.to_owned()
        } else {
            format!("{CHINA}{digits}")
        };
        if (DIGITS_MIN..=DIGITS_MAX.saturating_add(CHINA.len())).contains(&international.len()) {
            Ok(Self(format!("+{international}")))
        } else {
            Err(PhoneNumberError)
        }
    }

    /// The number itself, for its hash.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// The digits of a number; `None` when anything stands between them that does not belong there.
fn digits(text: &str) -> Option<String> {
    let rest = text.strip_prefix('+').unwrap_or(text);
    let is_number = rest
        .chars()
        .all(|letter| letter.is_ascii_digit() || " -.()".contains(letter));
    is_number.then(|| rest.chars().filter(char::is_ascii_digit).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(whole: &str, pure: &str, country_code: &str) -> Result<PhoneNumber, PhoneNumberError> {
        PhoneNumber::parse(whole.to_owned(), pure.to_owned(), country_code.to_owned())
    }

    #[test]
    fn what_is_shown_is_exact() {
        for (whole, pure, country_code, shown) in [
            ("13800000001", "13800000001", "86", "138****0001"),
            ("+8613800000001", "13800000001", "+86", "138****0001"),
            ("+85291234567", "91234567", "852", "+852****4567"),
            ("+12025550123", "2025550123", "1", "+1****0123"),
            ("+1 787-555-0123", "555-0123", "1-787", "+1787****23"),
            ("+2901234", "01234", "290", "+290****34"),
            ("861380000000", "1380000000", "86", "+86****0000"),
        ] {
            assert_eq!(number(whole, pure, country_code).unwrap().masked(), shown);
        }
    }

    #[test]
    fn nothing_but_a_number_is_one() {
        for (whole, pure, country_code) in [
            ("", "", ""),
            ("13800000001", "13800000001", ""),
            ("13800000001", "", "86"),
            ("13800000002", "13800000001", "86"),
            ("138****0001", "138****0001", "86"),
            ("1234", "1234", "86"),
            ("1234567890123456", "1234567890123456", "86"),
            ("１３８００００００００１", "１３８００００００００１", "86"),
            ("13800000001\n", "13800000001", "86"),
            ("1 2 3 4 5 6 7 8 9 0 1 2 3 4 5          ", "123456789012345", "86"),
        ] {
            assert_eq!(
                number(whole, pure, country_code),
                Err(PhoneNumberError),
                "{whole}"
            );
        }
    }

    #[test]
    fn it_is_found_however_it_is_written() {
        let chinese = number("13800000001", "13800000001", "86").unwrap().wanted();
        for text in [
            "13800000001",
            " 138 0000 0001 ",
            "+8613800000001",
            "+86 (138) 0000-0001",
            "008613800000001",
        ] {
            assert_eq!(WantedNumber::parse(text).unwrap(), chinese, "{text}");
        }
        let foreign = number("+85291234567", "91234567", "852").unwrap().wanted();
        assert_eq!(WantedNumber::parse("+852 9123 4567").unwrap(), foreign);
        assert_ne!(WantedNumber::parse("91234567").unwrap(), foreign);
        for text in ["", "+", "abc", "138****0001", "123456789012345678901234567890123"] {
            assert_eq!(WantedNumber::parse(text), Err(PhoneNumberError), "{text}");
        }
    }

    #[test]
    fn it_prints_as_a_mark() {
        let number = number("13800000001", "13800000001", "86").unwrap();
        let printed = format!("{number:?} {:?}", number.wanted());
        assert_eq!(printed, "PhoneNumber(…) WantedNumber(…)");
    }
}
