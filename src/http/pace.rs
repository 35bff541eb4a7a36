//! How fast a worker refuses.
//!
//! To refuse costs a worker a part of what it costs to serve. Whoever is told to come again later and comes at once,
//! over and over, could keep it busy with refusals alone, and each step of the work that was let in would wait for a
//! whole round of them. So a worker tells only so many a second: beyond that the answer goes out at once as well, but
//! its connection rests for a while before another request is read from it.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// What is not worth a timer: so a few that come at once do not rest.
const LEAST: Duration = Duration::from_millis(10);
/// The longest rest, which is the shortest that `Retry-After` can name.
const MOST: Duration = Duration::from_secs(1);

/// The refusals of one worker.
#[derive(Debug)]
pub(super) struct Pace {
    /// From one to the next.
    gap: Duration,
    /// When there is room for another.
    next: Cell<Instant>,
}

impl Pace {
    /// None yet; so many a second, at least one.
    pub(super) fn new(per_second: u32, now: Instant) -> Self {
        Self {
            gap: Duration::from_secs(1) / per_second.max(1),
            next: Cell::new(now),
        }
    }

    /// Counts one more; answers for how long its connection rests.
    pub(super) fn rest(&self, now: Instant) -> Option<Duration> {
        let turn = self.next.get().clamp(now, now + MOST);
        self.next.set(turn + self.gap);
        let rest = turn.duration_since(now);
        (rest >= LEAST).then_some(rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_at_once_do_not_rest_and_many_take_turns() {
        let now = Instant::now();
        let pace = Pace::new(2_000, now);
        for _ in 0..20 {
            assert_eq!(pace.rest(now), None);
        }
        assert_eq!(pace.rest(now), Some(Duration::from_millis(10)));
        assert_eq!(pace.rest(now), Some(Duration::from_micros(10_500)));
        // As fast as they may come.
        for turn in 1..100 {
            assert_eq!(
                pace.rest(now + pace.gap * turn),
                Some(Duration::from_micros(10_500))
            );
        }
        let later = now + Duration::from_mins(1);
        assert_eq!(pace.rest(later), None, "what was counted is forgotten");
    }

    #[test]
    fn nobody_rests_for_longer_than_he_was_told_to_wait() {
        let now = Instant::now();
        let pace = Pace::new(2_000, now);
        let longest = (0..10_000).filter_map(|_| pace.rest(now)).max();
        assert_eq!(longest, Some(MOST));
        assert_eq!(pace.rest(now + MOST), None, "nor for longer than it takes");
    }
}
