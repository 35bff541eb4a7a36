//! Yuan with decimals, as bills write them, to integers. No float is involved.

/// Digits before the point. Ten more than any amount of this program has.
const WHOLE_DIGITS_MAX: usize = 12;
/// Digits after the point: fees have five.
const DECIMALS: usize = 5;

/// Thousandths of a fen: `1.23` is 123,000. At most five decimals, a sign before the digits.
pub(super) fn thousandths(text: &str) -> Option<i64> {
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (whole, decimals) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = !whole.is_empty()
        && whole.len() <= WHOLE_DIGITS_MAX
        && decimals.len() <= DECIMALS
        && whole
            .bytes()
            .chain(decimals.bytes())
            .all(|byte| byte.is_ascii_digit());
    if !is_number || digits.ends_with('.') {
        return None;
    }
    let value: i64 = format!("{whole}{decimals:0<DECIMALS$}").parse().ok()?;
    Some(if is_negative { -value } else { value })
}

/// Whole fen: `1.23` is 123. What is finer than a fen is none.
pub(super) fn fen(text: &str) -> Option<i64> {
    let thousandths = thousandths(text)?;
    (thousandths % 1_000 == 0).then_some(thousandths / 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn yuan_become_fen_exactly() {
        for (text, expected) in [
            ("0", Some(0)),
            ("0.00", Some(0)),
            ("0.01", Some(1)),
            ("0.1", Some(10)),
            ("19.90", Some(1_990)),
            ("0.03", Some(3)),
            ("1.2300", Some(123)),
            ("-0.50", Some(-50)),
            ("999999999999.99", Some(99_999_999_999_999)),
            ("1000000000000.00", None),
            ("0.001", None),
            ("0.000000", None),
            ("", None),
            ("-", None),
            (".5", None),
            ("5.", None),
            ("+1", None),
            ("1e3", None),
            ("1,000.00", None),
            ("１", None),
            ("--1", None),
            ("1.-1", None),
        ] {
            assert_eq!(fen(text), expected, "{text}");
        }
    }

    #[test]
    fn a_fee_keeps_what_is_finer_than_a_fen() {
        assert_eq!(thousandths("0.00600"), Some(600));
        assert_eq!(thousandths("-0.06"), Some(-6_000));
        assert_eq!(thousandths("0.000001"), None);
    }
}
