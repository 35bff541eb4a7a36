//! One order with several attempts, under any order of answers, landings and closings: what the
//! books say in the end accounts for every payment once.

use std::collections::BTreeSet;

use proptest::collection::vec;
use proptest::prelude::*;
use weir::domain::attempt::{self, AttemptEvent, AttemptState};
use weir::domain::name::TransactionId;
use weir::domain::order::{self, OrderEvent, OrderStatus};
use weir::domain::settlement::{Expectation, Settlement, decide};

use crate::attempt::any_event;
use crate::order::moved;
use crate::settlement::{expectation, landed};

const ATTEMPTS: usize = 3;

#[derive(Clone, Debug)]
enum Happening {
    Answer(usize, AttemptEvent),
    /// Payment number, of two per attempt, reported once more.
    Landing(usize, bool),
    CloseIfAllClosed,
}

fn any_happening() -> impl Strategy<Value = Happening> {
    prop_oneof![
        (0..ATTEMPTS, any_event()).prop_map(|(attempt, event)| Happening::Answer(attempt, event)),
        (0..ATTEMPTS, prop::bool::weighted(0.2))
            .prop_map(|(attempt, second)| Happening::Landing(attempt, second)),
        Just(Happening::CloseIfAllClosed),
    ]
}

#[derive(Debug)]
struct Books {
    status: OrderStatus,
    attempts: [(AttemptState, Option<TransactionId>); ATTEMPTS],
    settled: BTreeSet<String>,
    surplus: BTreeSet<String>,
    mismatched: BTreeSet<String>,
    stock_returns: usize,
}

impl Books {
    fn new() -> Self {
        Self {
            status: OrderStatus::AwaitingPayment,
            attempts: std::array::from_fn(|_| (AttemptState::Created, None)),
            settled: BTreeSet::new(),
            surplus: BTreeSet::new(),
            mismatched: BTreeSet::new(),
            stock_returns: 0,
        }
    }

    fn happen(&mut self, happening: &Happening) {
        match happening {
            Happening::Answer(index, event) => {
                let (state, _) = &mut self.attempts[*index];
                *state = attempt::next(*state, *event);
            }
            Happening::Landing(index, is_second) => self.land(*index, &format!("{index}-{is_second}")),
            Happening::CloseIfAllClosed => {
                if self.attempts.iter().all(|(state, _)| !state.is_open()) {
                    let step = order::decide(self.status, OrderEvent::AttemptsClosed);
                    self.stock_returns += usize::from(step == order::OrderMove::CloseAndReturnStock);
                    self.status = moved(self.status, step);
                }
            }
        }
    }

    fn land(&mut self, index: usize, transaction_id: &str) {
        let (state, known) = self.attempts[index].clone();
        let expected = Expectation {
            transaction_id: known,
            ..expectation(state, self.status)
        };
        let landed = landed(transaction_id);
        let id = transaction_id.to_owned();
        match decide(&expected, &landed) {
            Settlement::Settle => {
                assert!(self.settled.insert(id), "settled twice");
                self.attempts[index] = (AttemptState::Settled, Some(landed.transaction_id));
                self.status = moved(self.status, order::decide(self.status, OrderEvent::PaymentLanded));
            }
            Settlement::Duplicate => {
                assert!(
                    self.settled.contains(&id) || self.surplus.contains(&id),
                    "a duplicate of nothing"
                );
            }
            Settlement::Surplus(_) => {
                assert!(self.surplus.insert(id), "surplus twice");
                self.attempts[index] = (AttemptState::Surplus, Some(landed.transaction_id));
            }
            Settlement::Mismatch(_) => {
                self.mismatched.insert(id);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_payment_is_accounted_for_exactly_once(happenings in vec(any_happening(), 0..40)) {
        let mut books = Books::new();
        let mut reported = BTreeSet::new();
        for happening in &happenings {
            let before = books.status;
            if let Happening::Landing(index, is_second) = happening {
                reported.insert(format!("{index}-{is_second}"));
            }
            books.happen(happening);
            prop_assert!(before == OrderStatus::AwaitingPayment || books.status == before, "an ended order moved");
        }
        prop_assert!(books.settled.len() <= 1, "an order was paid twice");
        prop_assert_eq!(books.status == OrderStatus::Paid, books.settled.len() == 1);
        prop_assert_eq!(books.stock_returns, usize::from(books.status == OrderStatus::Closed));
        prop_assert!(books.settled.is_disjoint(&books.surplus));
        let accounted: BTreeSet<_> = [&books.settled, &books.surplus, &books.mismatched].into_iter().flatten().collect();
        prop_assert_eq!(accounted, reported.iter().collect::<BTreeSet<_>>(), "a reported payment was dropped");

        // Everything that was ever reported comes again, and nothing changes.
        let (status, attempts) = (books.status, books.attempts.clone());
        for happening in happenings.iter().filter(|happening| matches!(happening, Happening::Landing(..))) {
            books.happen(happening);
        }
        prop_assert_eq!(books.status, status);
        prop_assert_eq!(&books.attempts, &attempts);
    }
}
