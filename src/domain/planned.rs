//! How far ahead of now the next step of a row may be planned.
//!
//! Times in rows are those of a machine's clock. While one is ahead, what it plans lies as far ahead, and would
//! wait for all of that once the clock is set right. What lies further ahead than its schedule ever plans is
//! therefore brought back to there, and no clock costs more than one wait.

use chrono::TimeDelta;

use super::refund::SUBMIT_GAP;
use super::schedule::{self, jittered};
use super::{outbox, reconciliation, refund, shipment, subscribe};

/// How far the clocks of replicas may be apart without anything being brought back for it.
pub const CLOCKS_DIFFER: TimeDelta = TimeDelta::minutes(1);
/// No lease ends later than this from when it was taken, by any of these clocks, but that of a reconciliation: it is
/// renewed all the time.
pub const LEASE_MAX: TimeDelta = TimeDelta::minutes(2);
/// No schedule has more waits that differ.
const WAITS: i32 = 16;
/// The shortest wait after WeChat refused a refund for now.
const REFUND_REFUSED: TimeDelta = TimeDelta::minutes(1);

/// The furthest that the next question about a payment lies ahead, in seconds: after no question since the last
/// news, after one, and so on; the last one is repeated.
pub fn payments_s() -> Vec<i64> {
    let wait = |checks| schedule::wait(checks).max(schedule::AFTER_CLOSE);
    (0..WAITS).map(|checks| furthest_s(wait(checks))).collect()
}

/// The same for refunds.
pub fn refunds_s() -> Vec<i64> {
    let wait = |checks| refund::gap_after(checks).max(REFUND_REFUSED);
    (0..WAITS).map(|checks| furthest_s(wait(checks))).collect()
}

/// How much further that is for a refund that was not sent yet, for each refund of its payment: they wait in line.
pub fn in_line_s() -> i64 {
    SUBMIT_GAP.num_seconds()
}

/// The same for events, by the tries in vain.
pub fn events_s() -> Vec<i64> {
    let gap = |tries| outbox::gap(tries, 0).unwrap_or_default();
    let tries = 0..u32::try_from(outbox::TRIES_MAX).unwrap_or_default();
    tries.map(|tries| furthest_s(gap(tries))).collect()
}

/// The furthest that the next try to close an order lies ahead, in seconds.
pub fn closes_s() -> i64 {
    let longest = schedule::CLOSE_WAITS_S.into_iter().max().unwrap_or_default();
    furthest_s(TimeDelta::seconds(longest))
}

/// The furthest that the next try of a reconciliation lies ahead, in seconds: where WeChat had no bill in the night,
/// it is made in the morning.
pub fn reconciliations_s() -> i64 {
    furthest_s(reconciliation::WAIT_MAX)
}

/// As [`payments_s`], for tellings of shipments, by the tries.
pub fn shipments_s() -> Vec<i64> {
    let gap = |tries| shipment::gap_after(tries).max(shipment::PATIENT_GAP);
    (0..WAITS).map(|tries| furthest_s(gap(tries))).collect()
}

/// The furthest that the next question lies ahead whether shipments are wanted, in seconds.
pub fn shipping_managements_s() -> i64 {
    furthest_s(shipment::ANSWER_HOLDS)
}

/// As [`payments_s`], for messages to subscribers, by the tries.
pub fn messages_s() -> Vec<i64> {
    let gap = |tries| {
        subscribe::gap(tries, u8::MAX)
            .unwrap_or_default()
            .max(subscribe::QUOTA_GAP)
    };
    let tries = 0..u32::try_from(subscribe::TRIES_MAX).unwrap_or_default();
    tries.map(|tries| furthest_s(gap(tries))).collect()
}

fn furthest_s(wait: TimeDelta) -> i64 {
    (jittered(wait, u8::MAX) + CLOCKS_DIFFER).num_seconds()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_brought_back_that_a_right_clock_has_planned() {
        for checks in 0..40 {
            let at = |waits: &[i64]| TimeDelta::seconds(*waits.get(checks).or(waits.last()).unwrap());
            let asked = i32::try_from(checks).unwrap();
            assert!(at(&payments_s()) > jittered(schedule::wait(asked), u8::MAX));
            assert!(at(&payments_s()) > schedule::AFTER_CLOSE);
            assert!(at(&refunds_s()) > jittered(refund::gap_after(asked), u8::MAX));
            let gap = outbox::gap(u32::try_from(checks).unwrap(), u16::MAX);
            assert!(gap.is_none_or(|gap| at(&events_s()) > gap));
            assert!(at(&shipments_s()) > shipment::gap_after(asked).max(shipment::PATIENT_GAP));
            let gap = subscribe::gap(u32::try_from(checks).unwrap(), u8::MAX);
            assert!(gap.is_none_or(|gap| at(&messages_s()) > gap.max(subscribe::QUOTA_GAP)));
        }
    }

    #[test]
    fn the_first_steps_lie_minutes_ahead_at_most() {
        assert_eq!(payments_s()[..5], [389; 5]);
        assert_eq!(refunds_s()[..5], [125; 5]);
        assert_eq!(events_s()[..2], [60, 65]);
        assert_eq!(closes_s(), 389);
        assert_eq!(shipments_s()[..5], [125, 125, 125, 125, 257]);
    }
}
