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
