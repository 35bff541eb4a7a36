//! Telling an event on: when it is tried again, and when it is left to a human.
//!
//! The gaps are those that the Standard Webhooks specification suggests, with one more at the
//! beginning: three days and a few hours in all, so that a receiver that is broken on a Friday
//! evening is mended on Monday before anything is given up.

use chrono::TimeDelta;

/// The gap after each try in vain, in seconds. After one more in vain the event is parked.
const GAPS_S: [i64; 10] = [5, 60, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];

/// How much longer than stated a gap may be: a tenth.
const JITTER_PER_MILLE: i64 = 100;

/// How often an event is tried before it is parked.
pub const TRIES_MAX: usize = GAPS_S.len() + 1;

/// The gap after so many tries in vain; none when it is time to leave it to a human. `chance` makes
/// it up to a tenth longer, so that what failed together does not come back together.
pub fn gap(tries_in_vain: u32, chance: u16) -> Option<TimeDelta> {
    let past = usize::try_from(tries_in_vain).ok()?.checked_sub(1)?;
    let gap_ms = GAPS_S.get(past)?.checked_mul(1_000)?;
    let share = i64::from(chance).checked_mul(JITTER_PER_MILLE)?;
    let longest = i64::from(u16::MAX).checked_mul(1_000)?;
    let jitter_ms = gap_ms.checked_mul(share)?.checked_div(longest)?;
    Some(TimeDelta::milliseconds(gap_ms.checked_add(jitter_ms)?))
}

#[cfg(test)]
mod tests {
    use super::{TRIES_MAX, gap};
    use chrono::TimeDelta;

    fn all(chance: u16) -> Vec<TimeDelta> {
        (1..).map_while(|tries| gap(tries, chance)).collect()
    }

    #[test]
    fn the_gaps_grow_and_end_after_three_days() {
        let gaps = all(0);
        assert_eq!(gaps.len() + 1, TRIES_MAX);
        assert_eq!(gaps[0], TimeDelta::seconds(5));
        assert!(gaps.is_sorted());
        let total: TimeDelta = gaps.iter().sum();
        assert!(
            total > TimeDelta::days(3) && total < TimeDelta::hours(76),
            "{total}"
        );
        assert_eq!(gap(0, 0), None, "nothing was in vain yet");
    }

    #[test]
    fn chance_makes_a_gap_a_tenth_longer_at_most() {
        for (shortest, longest) in all(0).into_iter().zip(all(u16::MAX)) {
            assert_eq!(longest * 10, shortest * 11);
        }
        assert!(gap(3, 1 << 15) > gap(3, 0));
    }
}
