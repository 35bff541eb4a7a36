//! Amounts and times as bills write them.

use std::fmt::{Arguments, Write};

use chrono::{DateTime, FixedOffset, Utc};

use crate::simulator::clock::CHINA_OFFSET_S;

/// What `WeChat Pay` keeps of a payment, in ten-thousandths.
const FEE_RATE: i64 = 60;
/// The same, as bills write it.
pub(super) const FEE_RATE_TEXT: &str = "0.60%";

/// The fee on an amount, in fen, half a fen rounded up.
pub(super) const fn fee(fen: i64) -> i64 {
    fen.saturating_mul(FEE_RATE)
        .saturating_add(5_000)
        .div_euclid(10_000)
}

/// Adds formatted text. A string takes everything: there is no failure to speak of.
pub(super) fn push(out: &mut String, text: Arguments) {
    out.write_fmt(text).unwrap_or_default();
}

/// Fen as yuan with two decimals.
pub(super) fn push_yuan(out: &mut String, fen: i64) {
    let (yuan, rest) = (fen.unsigned_abs() / 100, fen.unsigned_abs() % 100);
    let sign = if fen < 0 { "-" } else { "" };
    push(out, format_args!("{sign}{yuan}.{rest:02}"));
}

/// Fen as yuan with five decimals, as fees are written.
pub(super) fn push_fee(out: &mut String, fen: i64) {
    push_yuan(out, fen);
    out.push_str("000");
}

/// Date and time in China.
pub(super) fn push_time(out: &mut String, at: DateTime<Utc>) {
    if let Some(zone) = FixedOffset::east_opt(CHINA_OFFSET_S) {
        let at = at.with_timezone(&zone);
        push(out, format_args!("{}", at.format("%Y-%m-%d %H:%M:%S")));
    }
}

/// A merchant's text, without what would end a line. Commas stay: only the backtick behind one tells
/// that a value begins.
pub(super) fn push_text(out: &mut String, text: &str) {
    out.extend(text.chars().map(|letter| match letter {
        '\r' | '\n' | '`' => ' ',
        other => other,
    }));
}

#[cfg(test)]
mod tests {
    use super::{fee, push_fee, push_time, push_yuan};

    #[test]
    fn amounts_are_written_in_yuan() {
        for (fen, expected) in [(0, "0.00"), (1, "0.01"), (-7, "-0.07"), (123_456, "1234.56")] {
            let mut text = String::new();
            push_yuan(&mut text, fen);
            assert_eq!(text, expected);
        }
        let mut text = String::new();
        push_fee(&mut text, -6);
        assert_eq!(text, "-0.06000");
    }

    #[test]
    fn times_are_those_of_china() {
        let mut text = String::new();
        push_time(&mut text, "2025-12-31T16:00:05.9Z".parse().unwrap());
        assert_eq!(text, "2026-01-01 00:00:05");
    }

    #[test]
    fn fee_is_rounded_to_the_fen() {
        for (fen, expected) in [(0, 0), (83, 0), (84, 1), (100, 1), (250, 2), (10_000, 60)] {
            assert_eq!(fee(fen), expected, "{fen}");
        }
    }
}
