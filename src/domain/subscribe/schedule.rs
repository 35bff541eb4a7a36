//! When a message about an order is tried again. It is news: after a day nobody wants it.

use chrono::TimeDelta;

/// The gap after each try in vain, in seconds. After one more in vain the message is given up.
const GAPS_S: [i64; 7] = [5, 30, 120, 600, 1_800, 7_200, 21_600];

/// How often a message is tried before it is given up: once before each gap, and once behind the last.
pub const TRIES_MAX: i32 = 8;

/// How long WeChat's own report is waited for when nobody knows whether it took the message.
pub const AFTER_UNKNOWN: TimeDelta = TimeDelta::minutes(2);

/// The shortest gap after a day's calls are used up: as long as that takes to change.
pub const QUOTA_GAP: TimeDelta = TimeDelta::hours(1);

/// The gap after so many tries in vain; none when it is time to give up. `chance` makes it up to a tenth
/// longer.
pub fn gap(tries_in_vain: u32, chance: u8) -> Option<TimeDelta> {
    let past = usize::try_from(tries_in_vain).ok()?.checked_sub(1)?;
    let gap = TimeDelta::seconds(*GAPS_S.get(past)?);
    Some(gap + gap * i32::from(chance) / 2_560)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gaps_grow_and_end_within_a_day() {
        let gaps: Vec<TimeDelta> = (1..).map_while(|tries| gap(tries, 255)).collect();
        assert_eq!(i32::try_from(gaps.len() + 1), Ok(TRIES_MAX));
        assert!(gaps.is_sorted());
        assert!(gaps.iter().sum::<TimeDelta>() < TimeDelta::days(1));
        assert_eq!(gap(1, 0), Some(TimeDelta::seconds(5)));
        assert_eq!(gap(0, 0), None);
    }
}
