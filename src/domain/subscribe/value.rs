//! What the values of keywords look like.

/// The longest value that is looked at, in characters; WeChat takes 64 and fewer.
pub const VALUE_CHARS_MAX: usize = 500;

/// A value that WeChat would refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// Nothing to be seen.
    #[error("is empty")]
    Empty,
    /// Not what the keyword takes.
    #[error("must be {0}")]
    Unfit(&'static str),
    /// Longer than any value.
    #[error("is longer than {VALUE_CHARS_MAX} characters")]
    TooLong,
}

/// The text on one line, nothing around it.
pub(super) fn tidy(text: &str) -> Result<String, ValueError> {
    if !is_within(text, VALUE_CHARS_MAX) {
        return Err(ValueError::TooLong);
    }
    let plain: String = text
        .chars()
        .map(|letter| {
            let is_control = letter.is_control() || matches!(letter, '\u{2028}' | '\u{2029}');
            if is_control { ' ' } else { letter }
        })
        .collect();
    let plain = plain.trim();
    if plain.is_empty() {
        return Err(ValueError::Empty);
    }
    Ok(plain.to_owned())
}

/// The first `max` characters, and no space behind them.
pub(super) fn first(text: &str, max: usize) -> String {
    text.chars().take(max).collect::<String>().trim_end().to_owned()
}

pub(super) fn is_within(text: &str, chars_max: usize) -> bool {
    text.chars().nth(chars_max).is_none()
}

/// Digits, and a decimal point between two of them or none; `digits_max` in all.
pub(super) fn is_number(text: &str, digits_max: usize) -> bool {
    let (whole, part) = text
        .split_once('.')
        .map_or((text, None), |(whole, part)| (whole, Some(part)));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let digits = whole.len().saturating_add(part.map_or(0, str::len));
    is_digits(whole) && part.is_none_or(is_digits) && digits <= digits_max
}

/// A sign or none, up to 10 digits before the point and 4 behind it, 元 or nothing.
pub(super) fn is_amount(text: &str) -> bool {
    let text = text.strip_suffix('元').unwrap_or(text);
    let number = text.trim_start_matches(|sign: char| !sign.is_alphanumeric() && sign != '.');
    let has_one_sign = text.chars().count() <= number.chars().count().saturating_add(1);
    let whole = number.split_once('.').map_or(number, |(whole, _)| whole);
    has_one_sign && whole.len() <= 10 && is_number(number, 14)
}

/// A time of day, with a date before it or without; or two joined by `~`.
pub(super) fn is_time(text: &str) -> bool {
    is_interval(text, |moment| match moment.rsplit_once(' ') {
        Some((day, clock)) => is_day(day.trim()) && is_clock(clock),
        None => is_clock(moment),
    })
}

/// A day, with a time behind it or without; or two joined by `~`.
pub(super) fn is_date(text: &str) -> bool {
    is_interval(text, |moment| match moment.rsplit_once(' ') {
        Some((day, clock)) => is_day(day.trim()) && is_clock(clock),
        None => is_day(moment),
    })
}

fn is_interval(text: &str, is_moment: impl Fn(&str) -> bool) -> bool {
    let mut parts = text.split('~');
    let is_first_good = parts.next().is_some_and(|part| is_moment(part.trim()));
    let is_second_good = parts.next().is_none_or(|part| is_moment(part.trim()));
    is_first_good && is_second_good && parts.next().is_none()
}

/// `HH:MM` or `HH:MM:SS`.
fn is_clock(text: &str) -> bool {
    let mut parts = text.split(':');
    let mut is_part = |max: u32| parts.next().map(|part| is_between(part, 0, max));
    let (hour, minute, second) = (is_part(23), is_part(59), is_part(59));
    hour == Some(true) && minute == Some(true) && second != Some(false) && parts.next().is_none()
}

/// A year of four digits, a month and a day, with any of the usual signs between and behind them.
fn is_day(text: &str) -> bool {
    let is_sign = |letter: char| "-/.年月日号".contains(letter);
    let mut parts = text.split(is_sign);
    let year = parts.next().unwrap_or_default();
    let (month, day) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    year.len() == 4
        && is_between(year, 1, 9_999)
        && is_between(month, 1, 12)
        && is_between(day, 1, 31)
        && parts.all(str::is_empty)
}

fn is_between(text: &str, least: u32, most: u32) -> bool {
    let is_digits = (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    is_digits
        && text
            .parse::<u32>()
            .is_ok_and(|number| (least..=most).contains(&number))
}

pub(super) fn is_chinese(letter: char) -> bool {
    matches!(letter, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}')
}
