//! Keywords: `thing1`, `amount2`, … Their names say of what kind their values are.

use super::value::{self, ValueError};

/// The most keywords in one message; WeChat's templates have five.
pub const KEYWORDS_MAX: usize = 10;
/// The longest name of a keyword, in characters.
const NAME_CHARS_MAX: usize = 32;

/// Not the name of a keyword.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a keyword, such as `thing1`")]
pub struct KeywordError;

/// A keyword of a template.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Keyword {
    name: String,
    kind: Kind,
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Thing,
    Number,
    Letter,
    Symbol,
    CharacterString,
    Time,
    Date,
    Amount,
    PhoneNumber,
    CarNumber,
    Name,
    Phrase,
    /// A choice, or a kind that is newer than this program: WeChat judges it.
    Other,
}

impl Keyword {
    /// Reads the name of a keyword: a kind in small letters, and a number.
    ///
    /// # Errors
    /// When it is no such name.
    pub fn parse(name: impl Into<String>) -> Result<Self, KeywordError> {
        let name = name.into();
        let kind = name.trim_end_matches(|digit: char| digit.is_ascii_digit());
        let is_name = name.len() <= NAME_CHARS_MAX
            && kind.len() < name.len()
            && kind.starts_with(|letter: char| letter.is_ascii_lowercase())
            && kind.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        let kind = match kind {
            "thing" => Kind::Thing,
            "number" => Kind::Number,
            "letter" => Kind::Letter,
            "symbol" => Kind::Symbol,
            "character_string" => Kind::CharacterString,
            "time" => Kind::Time,
            "date" => Kind::Date,
            "amount" => Kind::Amount,
            "phone_number" => Kind::PhoneNumber,
            "car_number" => Kind::CarNumber,
            "name" => Kind::Name,
            "phrase" => Kind::Phrase,
            _ => Kind::Other,
        };
        is_name.then_some(Self { name, kind }).ok_or(KeywordError)
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The value as it is sent: control characters become spaces, what is around it goes, and a `thing` ends
    /// after 20 characters, since it is a text of any kind. Nothing else is cut: a part of a number or of
    /// a time would say something else.
    ///
    /// # Errors
    /// When nothing is left, or it is not what the keyword takes.
    pub fn fit(&self, text: &str) -> Result<String, ValueError> {
        let text = value::tidy(text)?;
        let (is_fitting, what) = match self.kind {
            Kind::Thing => return Ok(value::first(&text, 20)),
            Kind::Number => (
                value::is_number(&text, 32),
                "up to 32 digits, with a decimal point or without",
            ),
            Kind::Letter => (
                text.len() <= 32 && text.bytes().all(|byte| byte.is_ascii_alphabetic()),
                "up to 32 letters",
            ),
            Kind::Symbol => (
                value::is_within(&text, 5) && !text.chars().any(char::is_alphanumeric),
                "up to 5 symbols",
            ),
            Kind::CharacterString => (
                text.len() <= 32 && text.bytes().all(|byte| byte.is_ascii_graphic()),
                "up to 32 digits, letters and symbols",
            ),
            Kind::Time => (
                value::is_time(&text),
                "a time such as 09:30 or 09:30:00, with a date before it or without, or two joined by ~",
            ),
            Kind::Date => (
                value::is_date(&text),
                "a date such as 2026-11-21, with a time behind it or without, or two joined by ~",
            ),
            Kind::Amount => (
                value::is_amount(&text),
                "a currency sign and up to 10 digits, with a decimal point or without",
            ),
            Kind::PhoneNumber => (
                text.len() <= 17
                    && text
                        .bytes()
                        .all(|byte| byte.is_ascii_digit() || b"+-() *".contains(&byte)),
                "up to 17 digits and symbols",
            ),
            Kind::CarNumber => (value::is_within(&text, 8), "up to 8 characters"),
            Kind::Name => (
                value::is_within(&text, if text.is_ascii() { 20 } else { 10 }),
                "up to 10 Chinese characters or 20 letters",
            ),
            Kind::Phrase => (
                value::is_within(&text, 5) && text.chars().all(value::is_chinese),
                "up to 5 Chinese characters",
            ),
            Kind::Other => (true, ""),
        };
        if is_fitting {
            Ok(text)
        } else {
            Err(ValueError::Unfit(what))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(name: &str, text: &str) -> Result<String, ValueError> {
        Keyword::parse(name).unwrap().fit(text)
    }

    /// Keyword, values that it takes, values that it does not.
    const TABLE: &[(&str, &[&str], &[&str])] = &[
        (
            "thing1",
            &["茶", "🍵 & <b>", "12345678901234567890"],
            &["", " \u{3000}", "\u{7}\n"],
        ),
        (
            "number2",
            &["0", "12345678901234567890123456789012", "1.50"],
            &[
                "1.",
                ".5",
                "1.2.3",
                "-1",
                "1e3",
                "123456789012345678901234567890123",
            ],
        ),
        (
            "letter3",
            &["a", "ABCdef"],
            &["a b", "a1", "茶", "abcdefghijklmnopqrstuvwxyzabcdefg"],
        ),
        ("symbol4", &["!", "★★★★★"], &["a", "茶", "******"]),
        (
            "character_string5",
            &["A-1_2|*", "x"],
            &["茶", "a b", "123456789012345678901234567890123"],
        ),
        (
            "time6",
            &[
                "09:30",
                "23:59:59",
                "2026-11-21 09:30",
                "2026年11月21日 09:30",
                "09:30~10:00",
            ],
            &[
                "24:00",
                "9",
                "09:60",
                "09:30~",
                "soon",
                "2026-13-01 09:30",
                "09:30~10:00~11:00",
            ],
        ),
        (
            "date7",
            &[
                "2026-11-21",
                "2026年1月2日",
                "2026/11/21 20:00",
                "2026-11-21~2026-11-22",
            ],
            &[
                "11-21",
                "2026-00-01",
                "2026-11-32",
                "tomorrow",
                "2026-11-21 25:00",
            ],
        ),
        (
            "amount8",
            &["¥12.50", "12.50元", "$3", "1234567890"],
            &["12345678901", "¥", "1,000", "¥1.2.3", "twelve"],
        ),
        (
            "phone_number9",
            &["13800000001", "+86 (0)10-1234"],
            &["138 0000 0001 0000 1", "１３８", "a"],
        ),
        ("car_number10", &["粤A8Z888挂"], &["粤A8Z88888挂"]),
        (
            "name11",
            &["一二三四五六七八九十", "Abcdefghij Klmnopqrs"],
            &["一二三四五六七八九十一", "Abcdefghij Klmnopqrst"],
        ),
        (
            "phrase12",
            &["已发货", "一二三四五"],
            &["一二三四五六", "sent", "好!"],
        ),
        ("enum_string13", &["whatever WeChat knows"], &[""]),
    ];

    #[test]
    fn each_kind_takes_what_wechat_takes() {
        for (name, good, bad) in TABLE {
            for text in *good {
                assert_eq!(fit(name, text).as_deref(), Ok(*text), "{name} {text}");
            }
            for text in *bad {
                assert!(fit(name, text).is_err(), "{name} {text}");
            }
        }
    }

    #[test]
    fn a_thing_is_cut_by_characters_and_nothing_holds_control_characters() {
        assert_eq!(fit("thing1", &"茶".repeat(30)).unwrap(), "茶".repeat(20));
        assert_eq!(
            fit("thing1", &format!("{} b", "a".repeat(19))).unwrap(),
            "a".repeat(19)
        );
        assert_eq!(fit("thing1", " a\u{0}b\r\nc\u{2028} ").unwrap(), "a b  c");
        assert_eq!(fit("thing1", " \n").unwrap_err(), ValueError::Empty);
        assert_eq!(fit("phrase1", "好\n").unwrap(), "好");
    }

    #[test]
    fn a_keyword_is_a_kind_and_a_number() {
        for good in ["thing1", "character_string12", "newer_kind3"] {
            assert_eq!(Keyword::parse(good).unwrap().name(), good);
        }
        for bad in [
            "",
            "1",
            "thing",
            "Thing1",
            "thing 1",
            "_1",
            "thing1a",
            "事1",
            "abcdefghijklmnopqrstuvwxyzabcdefg1",
        ] {
            assert!(Keyword::parse(bad).is_err(), "{bad}");
        }
    }
}
