//! Notifications of payments and refunds: encrypted, signed anew at each attempt, repeated until a 2xx comes.

mod attempt;
mod content;
pub(super) mod craft;
mod message;
mod sender;

pub(super) use sender::{deliver_due, run};

/// Seconds between an attempt and the next one: 15 repetitions, a day and four minutes in all.
const LADDER_S: [u32; 15] = [
    15, 15, 30, 180, 600, 1200, 1800, 1800, 1800, 3600, 10_800, 10_800, 10_800, 21_600, 21_600,
];

/// How long after the `attempts`-th attempt the next one is due; none: it was the last.
fn wait_ms_after(attempts: u32, speed: u32) -> Option<u64> {
    let index = usize::try_from(attempts.checked_sub(1)?).ok()?;
    let wait_s = LADDER_S.get(index)?;
    u64::from(*wait_s)
        .checked_mul(1000)?
        .checked_div(u64::from(speed))
}

#[cfg(test)]
mod tests {
    use super::{LADDER_S, wait_ms_after};

    #[test]
    fn fifteen_repetitions_take_a_day_and_four_minutes() {
        assert_eq!(LADDER_S.iter().sum::<u32>(), 24 * 3600 + 4 * 60);
        assert_eq!(wait_ms_after(1, 1), Some(15_000));
        assert_eq!(wait_ms_after(15, 1), Some(21_600_000));
        assert_eq!(wait_ms_after(16, 1), None);
        assert_eq!(wait_ms_after(1, 100), Some(150));
    }
}
