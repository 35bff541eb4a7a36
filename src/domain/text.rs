//! Text that people write. It is data: kept and returned unchanged, whatever it looks like.

/// Why a text is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// It holds U+0000, which `PostgreSQL` cannot keep.
    #[error("holds the zero character")]
    Zero,
    /// Nothing but white space.
    #[error("is empty")]
    Empty,
    /// It holds a control character, or a separator of lines.
    #[error("holds a control character")]
    Control,
    /// It holds a character that turns the direction of what is written behind it.
    #[error("holds a character that turns the direction of writing")]
    Direction,
    /// More characters than allowed.
    #[error("is longer than {0} characters")]
    TooLong(usize),
}

/// Checks a text of at most `max` characters (Unicode scalar values); it may be empty.
pub fn check(text: &str, max: usize) -> Result<(), TextError> {
    if text.contains('\0') {
        return Err(TextError::Zero);
    }
    if text.chars().nth(max).is_some() {
        return Err(TextError::TooLong(max));
    }
    Ok(())
}

/// Checks a text of at most `max` characters that must say something.
pub fn check_filled(text: &str, max: usize) -> Result<(), TextError> {
    if text.trim().is_empty() {
        return Err(TextError::Empty);
    }
    check(text, max)
}

/// Checks the name of a person, which others see beside other text: at most `max` characters, something
/// to be seen among them, on one line, in the direction that its letters have by themselves.
pub fn check_name(text: &str, max: usize) -> Result<(), TextError> {
    if text
        .chars()
        .all(|letter| letter.is_whitespace() || is_invisible(letter))
    {
        return Err(TextError::Empty);
    }
    check(text, max)?;
    if text
        .chars()
        .any(|letter| letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}'))
    {
        return Err(TextError::Control);
    }
    // Embeddings, overrides and isolates. Marks (U+200E, U+200F) stay: names in Arabic and Hebrew need them.
    if text
        .chars()
        .any(|letter| matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
    {
        return Err(TextError::Direction);
    }
    Ok(())
}

/// Whether `text` can be the address of something as it stands: no white space, no control character
/// and none of the characters that an address has to escape, so that it means the same wherever it
/// is put.
pub fn is_address(text: &str) -> bool {
    !text.is_empty()
        && !text
            .chars()
            .any(|letter| letter.is_whitespace() || letter.is_control() || "\"<>\\^`{|}".contains(letter))
}

/// The part of `text` that WeChat Pay takes and a payer can see: characters of up to three bytes of
/// UTF-8, no control characters, nothing that is invisible or turns the direction of writing, at most
/// `max` characters. Source: pay-v3, section 1.
pub fn for_wechat_pay(text: &str, max: usize) -> String {
    text.chars()
        .filter(|letter| letter.len_utf8() <= 3 && !letter.is_control() && !is_invisible(*letter))
        .take(max)
        .collect::<String>()
        .trim()
        .to_owned()
}

/// What Unicode calls ignorable, and separators of lines: an emoji leaves joiners and selectors
/// behind when its own characters are taken out.
fn is_invisible(letter: char) -> bool {
    matches!(letter,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
        | '\u{fff0}'..='\u{fffb}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_counts_characters_and_the_bound_is_inclusive() {
        assert_eq!(check("四个汉字", 4), Ok(()));
        assert_eq!(check("四个汉字!", 4), Err(TextError::TooLong(4)));
        assert_eq!(check("a\0b", 9), Err(TextError::Zero));
        assert_eq!(check_filled(" \u{3000}", 9), Err(TextError::Empty));
    }

    #[test]
    fn a_name_is_one_line_that_can_be_seen() {
        for good in [
            "阿丽",
            "🍵👩\u{200d}👧",
            "e\u{301}",
            " a ",
            "\u{200f}שלום\u{200f}",
            "<script>",
        ] {
            assert_eq!(check_name(good, 12), Ok(()), "{good:?}");
        }
        for empty in ["", " \u{3000}", "\u{200b}\u{200d}", "\u{feff}", "\u{3164}"] {
            assert_eq!(check_name(empty, 12), Err(TextError::Empty), "{empty:?}");
        }
        for control in ["a\nb", "a\tb", "a\u{7f}", "a\u{85}b", "a\u{2028}b", "\u{1b}[31ma"] {
            assert_eq!(check_name(control, 12), Err(TextError::Control), "{control:?}");
        }
        for turned in ["\u{202e}gpj", "a\u{202a}", "a\u{2066}b\u{2069}"] {
            assert_eq!(check_name(turned, 12), Err(TextError::Direction), "{turned:?}");
        }
        assert_eq!(check_name("a\0", 12), Err(TextError::Zero));
        assert_eq!(check_name("四个汉字!", 4), Err(TextError::TooLong(4)));
    }

    #[test]
    fn an_address_holds_nothing_that_must_be_escaped() {
        assert!(is_address("https://shop.example/茶.png?a=%20&b='c'"));
        for bad in ["", "a b", "a\nb", "a\"b", "<a>", "a\\b", "a\u{a0}b", "a\u{0}b"] {
            assert!(!is_address(bad), "{bad:?}");
        }
    }

    #[test]
    fn wechat_pay_gets_no_four_byte_character() {
        assert_eq!(for_wechat_pay("茶🍵 and\n笔🖊", 40), "茶 and笔");
        assert_eq!(for_wechat_pay("🍵🍵", 40), "");
        assert_eq!(for_wechat_pay("👩\u{200d}👧\u{fe0f} \u{202e}tea", 40), "tea");
        assert_eq!(for_wechat_pay("一二三", 2), "一二");
    }
}
