//! The machine of a payment attempt.

use std::fmt::Write as _;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use weir::domain::attempt::{AttemptEvent, AttemptState, next};

pub(crate) fn any_state() -> impl Strategy<Value = AttemptState> {
    select(AttemptState::ALL.to_vec())
}

pub(crate) fn any_event() -> impl Strategy<Value = AttemptEvent> {
    select(AttemptEvent::ALL.to_vec())
}

fn run(start: AttemptState, events: &[AttemptEvent]) -> AttemptState {
    events.iter().fold(start, |state, event| next(state, *event))
}

#[test]
fn the_whole_table() {
    let mut table = String::new();
    for state in AttemptState::ALL {
        writeln!(table, "{}", state.as_str()).unwrap();
        for event in AttemptEvent::ALL {
            writeln!(
                table,
                "    {event:<15} -> {}",
                next(state, event).as_str(),
                event = format!("{event:?}")
            )
            .unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn what_ended_stays_ended() {
    for state in AttemptState::ALL.into_iter().filter(|state| !state.is_open()) {
        for event in AttemptEvent::ALL {
            assert_eq!(next(state, event), state, "{event:?}");
        }
    }
}

#[test]
fn no_answer_makes_or_takes_money() {
    for state in AttemptState::ALL {
        for event in AttemptEvent::ALL {
            assert_eq!(
                next(state, event).has_money(),
                state.has_money(),
                "{state:?} {event:?}"
            );
        }
    }
}

#[test]
fn an_answer_heard_twice_is_an_answer_heard_once() {
    for state in AttemptState::ALL {
        for event in AttemptEvent::ALL {
            let once = next(state, event);
            assert_eq!(next(once, event), once, "{state:?} {event:?}");
        }
    }
}

#[test]
fn a_prepay_id_is_never_forgotten_but_by_closing() {
    for event in AttemptEvent::ALL {
        let after = next(AttemptState::Prepaid, event);
        assert!(
            matches!(after, AttemptState::Prepaid | AttemptState::Closed),
            "{event:?}"
        );
    }
}

#[test]
fn only_a_first_refusal_fails_an_attempt() {
    for state in AttemptState::ALL {
        for event in AttemptEvent::ALL {
            let fails = next(state, event) == AttemptState::Failed && state != AttemptState::Failed;
            assert_eq!(
                fails,
                (state, event) == (AttemptState::Created, AttemptEvent::PrepayRefused),
                "{state:?} {event:?}"
            );
        }
    }
}

proptest! {
    #[test]
    fn a_replayed_beginning_changes_nothing_after_the_end(
        start in any_state(),
        events in vec(any_event(), 0..20),
        cut in any::<prop::sample::Index>(),
    ) {
        let end = run(start, &events);
        let again = &events[..cut.index(events.len() + 1)];
        if end.is_open() {
            prop_assert_eq!(run(end, again).has_money(), end.has_money());
        } else {
            prop_assert_eq!(run(end, again), end);
        }
    }
}
