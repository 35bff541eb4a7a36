//! A number by its digits, so that a limit means what was written, however long the number is.

use std::borrow::Cow;
use std::cmp::Ordering;

/// A number: its digits without zeros at either end, and the power of ten of the last one. Zero has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Decimal<'a> {
    is_negative: bool,
    digits: Cow<'a, str>,
    exponent: i64,
}

impl<'a> Decimal<'a> {
    /// Reads a number of JSON; none for what is no such number, or has an exponent beyond all that is taken.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        let (is_negative, unsigned) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, i64::from(exponent.parse::<i32>().ok()?)),
            None => (unsigned, 0),
        };
        let (digits, places) = match mantissa.split_once('.') {
            Some((whole, fraction)) => (Cow::Owned(format!("{whole}{fraction}")), fraction.len()),
            None => (Cow::Borrowed(mantissa), 0),
        };
        if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        let exponent = exponent - i64::try_from(places).ok()?;
        Some(Self::of(is_negative, digits, exponent))
    }

    fn of(is_negative: bool, digits: Cow<'a, str>, exponent: i64) -> Self {
        let kept = digits.trim_end_matches('0');
        let zeros = digits.len() - kept.len();
        let digits = match digits {
            Cow::Borrowed(text) => Cow::Borrowed(text.trim_end_matches('0').trim_start_matches('0')),
            Cow::Owned(text) => Cow::Owned(text.trim_end_matches('0').trim_start_matches('0').to_owned()),
        };
        if digits.is_empty() {
            return Self {
                is_negative: false,
                digits,
                exponent: 0,
            };
        }
        Self {
            is_negative,
            digits,
            exponent: exponent.saturating_add(i64::try_from(zeros).unwrap_or(i64::MAX)),
        }
    }

    /// The same, borrowing nothing.
    pub(super) fn into_owned(self) -> Decimal<'static> {
        Decimal {
            is_negative: self.is_negative,
            digits: Cow::Owned(self.digits.into_owned()),
            exponent: self.exponent,
        }
    }

    /// Whether it is a whole number, however it is written.
    pub(super) fn is_whole(&self) -> bool {
        self.exponent >= 0
    }

    /// Whether it is a whole multiple of `divisor`. Nothing is one of zero, or of one
    /// whose digits exceed 64 bits.
    pub(super) fn is_multiple_of(&self, divisor: &Self) -> bool {
        let shift = self.exponent - divisor.exponent;
        let whole = match divisor.digits.parse::<u64>() {
            Ok(whole) if whole > 0 => u128::from(whole),
            _ => return false,
        };
        if self.digits.is_empty() {
            return true;
        }
        // The digits do not end in zero, so that they are no multiple of ten.
        let Ok(shift) = usize::try_from(shift) else {
            return false;
        };
        // Below 2^64 before each step, so that ten times it and a digit stay within 128 bits.
        let zeros = std::iter::repeat_n(0, shift);
        let digits = self.digits.bytes().map(|digit| u128::from(digit - b'0'));
        digits
            .chain(zeros)
            .fold(0, |rest, digit| (rest * 10 + digit) % whole)
            == 0
    }

    /// The power of ten above its first digit.
    fn height(&self) -> i64 {
        self.exponent
            .saturating_add(i64::try_from(self.digits.len()).unwrap_or(i64::MAX))
    }

    fn size_against(&self, other: &Self) -> Ordering {
        match (self.digits.is_empty(), other.digits.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
            // Digits of the same height compare as texts: what is longer is larger, having no zeros at its end.
            (false, false) => self
                .height()
                .cmp(&other.height())
                .then_with(|| self.digits.cmp(&other.digits)),
        }
    }
}

impl Ord for Decimal<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.is_negative, other.is_negative) {
            (false, false) => self.size_against(other),
            (true, true) => other.size_against(self),
            (true, false) => Ordering::Less,
            (false, true) => Ordering::Greater,
        }
    }
}

impl PartialOrd for Decimal<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Decimal<'_> {
        Decimal::parse(text).unwrap()
    }

    #[test]
    fn the_same_number_is_the_same_however_it_is_written() {
        for (one, other) in [
            ("1", "1.0"),
            ("100", "1e2"),
            ("0", "-0.00e7"),
            ("0.1", "1E-1"),
            ("-12.50", "-125e-1"),
            ("1e0", "1.000"),
            ("0e400", "0"),
        ] {
            assert_eq!(of(one), of(other), "{one} {other}");
            assert_eq!(of(one).cmp(&of(other)), Ordering::Equal);
        }
        for text in ["", "-", "x", "1x", "1e", "1e99999999999", ".", "+1", "0x1"] {
            assert_eq!(Decimal::parse(text), None, "{text}");
        }
    }

    #[test]
    fn numbers_are_in_order() {
        let sorted = [
            "-1e400",
            "-10000000000000000000000000.1",
            "-10000000000000000000000000",
            "-2",
            "-1.5",
            "-0.001",
            "0",
            "1e-400",
            "0.1",
            "0.10000000000000000000001",
            "9",
            "10",
            "9007199254740992",
            "9007199254740993",
            "1e400",
        ];
        for (at, one) in sorted.iter().enumerate() {
            for (place, other) in sorted.iter().enumerate() {
                assert_eq!(of(one).cmp(&of(other)), at.cmp(&place), "{one} {other}");
            }
        }
    }

    #[test]
    fn multiples_are_exact() {
        for (number, divisor, is_multiple) in [
            ("0.3", "0.1", true),
            ("19.99", "0.01", true),
            ("19.999", "0.01", false),
            ("9007199254740993", "2", false),
            ("9007199254740994", "2", true),
            ("123456789012345678901234567890", "10", true),
            ("123456789012345678901234567891", "10", false),
            ("123456789012345678901234567891", "3", false),
            ("123456789012345678901234567890", "3", true),
            ("-6", "3", true),
            ("0", "7", true),
            ("1e400", "18446744073709551615", false),
            ("1e400", "5", true),
            ("1e-400", "1", false),
            ("7.5", "2.5", true),
            ("5", "0", false),
        ] {
            assert_eq!(
                of(number).is_multiple_of(&of(divisor)),
                is_multiple,
                "{number} {divisor}"
            );
        }
        assert!(of("1e2").is_whole() && of("1.0").is_whole() && of("0").is_whole());
        assert!(!of("1.5").is_whole() && !of("1e-1").is_whole());
    }
}
