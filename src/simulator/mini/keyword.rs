//! What values the keywords of subscribe messages take, kind by kind, as the documentation has it.

/// Whether a keyword, such as `thing1`, takes a value.
pub(super) fn takes(name: &str, value: &str) -> bool {
    let kind = name.trim_end_matches(char::is_numeric);
    let length = value.chars().count();
    if length == 0 || value.trim().is_empty() || value.chars().any(char::is_control) {
        return false;
    }
    let digits = value.chars().filter(char::is_ascii_digit).count();
    match kind {
        "thing" => length <= 20,
        "number" => {
            digits <= 32 && only(value, |letter| letter.is_ascii_digit() || letter == '.') && dots(value) <= 1
        }
        "letter" => length <= 32 && only(value, |letter| letter.is_ascii_alphabetic()),
        "symbol" => length <= 5 && only(value, |letter| !letter.is_alphanumeric()),
        "character_string" => length <= 32 && only(value, |letter| ('!'..='~').contains(&letter)),
        "time" => moments(value).all(|moment| clock_of(moment).is_some_and(is_clock)),
        "date" => {
            moments(value).all(|moment| is_day(day_of(moment)) && clock_of(moment).is_none_or(is_clock))
        }
        "amount" => is_amount(value),
        "phone_number" => {
            length <= 17 && only(value, |letter| letter.is_ascii() && !letter.is_ascii_alphabetic())
        }
        "car_number" => length <= 8,
        "name" => length <= if value.is_ascii() { 20 } else { 10 },
        "phrase" => length <= 5 && only(value, |letter| !letter.is_ascii() && letter.is_alphabetic()),
        _ => length <= 64,
    }
}

fn only(value: &str, is_allowed: impl Fn(char) -> bool) -> bool {
    value.chars().all(is_allowed)
}

fn dots(value: &str) -> usize {
    value.matches('.').count()
}

fn is_amount(value: &str) -> bool {
    let number: String = value
        .trim_end_matches('元')
        .chars()
        .skip_while(|sign| !sign.is_ascii_digit())
        .collect();
    let signs = value.chars().take_while(|sign| !sign.is_ascii_digit()).count();
    let whole = number.split('.').next().unwrap_or_default();
    signs <= 1
        && (1..=10).contains(&whole.len())
        && dots(&number) <= 1
        && only(&number, |letter| letter.is_ascii_digit() || letter == '.')
}

/// One moment, or the two of an interval.
fn moments(value: &str) -> impl Iterator<Item = &str> {
    value.splitn(2, '~').map(str::trim)
}

fn clock_of(moment: &str) -> Option<&str> {
    moment.rsplit(' ').next().filter(|word| word.contains(':'))
}

fn day_of(moment: &str) -> &str {
    moment.split(' ').next().unwrap_or_default()
}

fn is_clock(word: &str) -> bool {
    let parts: Vec<Option<u8>> = word.split(':').map(|part| part.parse().ok()).collect();
    match parts.as_slice() {
        [Some(hour), Some(minute)] => *hour < 24 && *minute < 60,
        [Some(hour), Some(minute), Some(second)] => *hour < 24 && *minute < 60 && *second < 60,
        _ => false,
    }
}

fn is_day(word: &str) -> bool {
    let parts: Vec<u32> = word
        .split(|letter: char| !letter.is_ascii_digit())
        .filter(|part| !part.is_empty())
        .filter_map(|part| part.parse().ok())
        .collect();
    matches!(parts.as_slice(), [1_000..=9_999, 1..=12, 1..=31])
}
