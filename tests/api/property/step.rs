//! The steps that stories are made of.

use proptest::prelude::*;

/// Time steps in seconds: a second, a retry, just over a minute, over the freshness of a prepay id,
/// and long enough for an order to end.
const LEAPS_S: [i64; 4] = [1, 61, 6_600, 40_000];
const FAULTS: [(&str, &str); 14] = [
    ("prepay", "no_answer_after_accepting"),
    ("prepay", "no_answer_before_accepting"),
    ("prepay", "wrong_answer_signature"),
    ("prepay", "server_error"),
    ("query", "server_error"),
    ("query", "wrong_answer_signature"),
    ("close", "no_answer_after_accepting"),
    ("close", "no_answer_before_accepting"),
    ("notification", "notification_lost"),
    ("notification", "notification_late"),
    ("notification", "notification_doubled"),
    ("notification", "wrong_answer_signature"),
    ("notification", "probe_signature"),
    ("notification", "notification_stale"),
];

/// What somebody does. `who` and `which` choose a person and one of their orders.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Order {
        who: usize,
    },
    Start {
        who: usize,
        which: usize,
        replica: usize,
    },
    /// A tap long after the last one.
    Renew {
        who: usize,
        which: usize,
        replica: usize,
    },
    Pay {
        who: usize,
        which: usize,
        despite_close: bool,
    },
    Cancel {
        who: usize,
        which: usize,
    },
    Deliver,
    DeliverTwice {
        who: usize,
        which: usize,
    },
    Sync {
        who: usize,
        which: usize,
        replica: usize,
    },
    Close {
        who: usize,
        which: usize,
        replica: usize,
    },
    /// The loops of one server do what is due.
    Work {
        replica: usize,
    },
    Leap {
        seconds: i64,
    },
    Fault {
        api: &'static str,
        kind: &'static str,
    },
}

/// A step, the likely ones more often.
pub(super) fn step() -> impl Strategy<Value = Step> {
    let (who, which, replica) = (0..2_usize, 0..2_usize, 0..2_usize);
    let order = (who, which, replica);
    prop_oneof![
        1 => order.clone().prop_map(|(who, ..)| Step::Order { who }),
        3 => order.clone().prop_map(|(who, which, replica)| Step::Renew { who, which, replica }),
        6 => order.clone().prop_map(|(who, which, replica)| Step::Start { who, which, replica }),
        6 => (order.clone(), any::<bool>()).prop_map(|((who, which, _), despite_close)| Step::Pay { who, which, despite_close }),
        1 => order.clone().prop_map(|(who, which, _)| Step::Cancel { who, which }),
        2 => Just(Step::Deliver),
        1 => order.clone().prop_map(|(who, which, _)| Step::DeliverTwice { who, which }),
        2 => order.clone().prop_map(|(who, which, replica)| Step::Sync { who, which, replica }),
        2 => order.clone().prop_map(|(.., replica)| Step::Work { replica }),
        2 => order.prop_map(|(who, which, replica)| Step::Close { who, which, replica }),
        3 => prop::sample::select(&LEAPS_S[..]).prop_map(|seconds| Step::Leap { seconds }),
        2 => prop::sample::select(&FAULTS[..]).prop_map(|(api, kind)| Step::Fault { api, kind }),
    ]
}
