//! The steps that stories are made of.

use proptest::prelude::*;

/// Time steps in seconds: a moment, a retry, a minute, ten, over the freshness of a prepay id, half a
/// day, over the life of an order, and over the time in which WeChat takes refunds.
const LEAPS_S: [i64; 8] = [1, 30, 61, 600, 6_600, 40_000, 180_000, YEAR_S];
/// A year and two days: what was paid before can no longer be refunded after it.
pub(super) const YEAR_S: i64 = 31_700_000;
/// How far the servers' clocks may be from WeChat's, in seconds: WeChat and we bear five minutes both ways.
const SKEWS_S: [i64; 5] = [-240, -2, 0, 2, 240];
const FAULTS: [&str; 33] = [
    r#"{"api": "prepay", "kind": "no_answer_after_accepting"}"#,
    r#"{"api": "prepay", "kind": "no_answer_before_accepting"}"#,
    r#"{"api": "prepay", "kind": "wrong_answer_signature"}"#,
    r#"{"api": "prepay", "kind": "server_error"}"#,
    r#"{"api": "prepay", "kind": "server_error", "is_accepted": true}"#,
    r#"{"api": "query", "kind": "server_error"}"#,
    r#"{"api": "query", "kind": "wrong_answer_signature"}"#,
    r#"{"api": "query", "kind": "pay_error", "status": 429, "code": "FREQUENCY_LIMITED"}"#,
    r#"{"api": "close", "kind": "no_answer_after_accepting"}"#,
    r#"{"api": "close", "kind": "no_answer_before_accepting"}"#,
    r#"{"api": "close", "kind": "server_error", "is_accepted": true}"#,
    r#"{"api": "notification", "kind": "notification_lost"}"#,
    r#"{"api": "notification", "kind": "notification_late"}"#,
    r#"{"api": "notification", "kind": "notification_doubled"}"#,
    r#"{"api": "notification", "kind": "wrong_answer_signature"}"#,
    r#"{"api": "notification", "kind": "probe_signature"}"#,
    r#"{"api": "notification", "kind": "notification_stale"}"#,
    r#"{"api": "refund", "kind": "no_answer_after_accepting"}"#,
    r#"{"api": "refund", "kind": "wrong_answer_signature"}"#,
    r#"{"api": "refund", "kind": "refund_closed"}"#,
    r#"{"api": "refund", "kind": "refund_abnormal"}"#,
    r#"{"api": "refund", "kind": "pay_error", "status": 403, "code": "NOT_ENOUGH"}"#,
    r#"{"api": "refund", "kind": "pay_error", "status": 429, "code": "FREQUENCY_LIMITED"}"#,
    r#"{"api": "refund", "kind": "pay_error", "status": 429, "code": "FREQUENCY_LIMITED", "is_accepted": true}"#,
    r#"{"api": "refund", "kind": "pay_error", "status": 400, "code": "PARAM_ERROR"}"#,
    r#"{"api": "refund_query", "kind": "server_error"}"#,
    r#"{"api": "refund_query", "kind": "stale_answer"}"#,
    r#"{"api": "upload_shipping", "kind": "no_answer_after_accepting"}"#,
    r#"{"api": "upload_shipping", "kind": "no_answer_before_accepting"}"#,
    r#"{"api": "upload_shipping", "kind": "errcode", "errcode": -1}"#,
    r#"{"api": "upload_shipping", "kind": "errcode", "errcode": -1, "is_accepted": true}"#,
    r#"{"api": "upload_shipping", "kind": "errcode", "errcode": 10060001}"#,
    r#"{"api": "shipping_order", "kind": "server_error"}"#,
];

/// How much of an order is asked back.
#[derive(Clone, Copy, Debug)]
pub(super) enum Amount {
    /// All that is left.
    Rest,
    /// So many hundredths of what was paid, whether or not they are left.
    Share(i64),
    /// A fen more than is left.
    TooMuch,
}

/// An order, by a person and the number among theirs, and the server that is asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct At {
    pub(super) who: usize,
    pub(super) which: usize,
    pub(super) replica: usize,
}

/// What is said to be sent.
#[derive(Clone, Copy, Debug)]
pub(super) enum Goods {
    /// A parcel, and that is all.
    Parcel,
    /// A parcel, and more to follow.
    Part,
    /// Something that nobody carries.
    Virtual,
}

/// What somebody does.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Leap(i64),
    /// The servers' clocks are set, so that they are so many seconds ahead of WeChat's; so they may go back.
    Skew(i64),
    /// The loops of one server do what is due.
    Work(usize),
    Deliver,
    Order {
        who: usize,
        quantity: i64,
    },
    /// The request that made an order comes again, the same or another with its key.
    OrderAgain(At, bool),
    Start(At),
    /// On the newest sheet, or on all of them although the order was closed meanwhile.
    Pay(At, bool),
    /// Both, as most people do.
    Purchase(At),
    Cancel(At),
    /// Begins, closes, and pays all the same: the payment was under way.
    PayLate(At),
    /// Begins at one server, and long after at another, which wants the notice elsewhere and so needs a
    /// new number: two sheets are open for one order, and may both be paid.
    BeginTwice(At, bool),
    Sync(At),
    Close(At),
    /// Somebody else tries what only the owner may.
    Pry(At),
    /// The notice of the newest payment comes twice, out of turn.
    NoticeTwice(At),
    Refund(At, Amount, bool),
    /// The newest request of the operator comes again, the same or another with its key.
    RefundAgain(At, bool),
    /// Three at the same time, in hundredths of what was paid.
    RefundsAtOnce(At, [i64; 3]),
    /// WeChat ends one of its refunds; none: as a fault has said.
    End(usize, Option<&'static str>),
    /// The notice of a refund that ended comes twice, out of turn.
    RefundNoticeTwice(usize),
    /// The operator is done with one of the refunds that wait.
    CallOff(usize),
    /// The operator says that goods were sent.
    Ship(At, Goods),
    /// What the merchant has to refund from, in fen.
    Balance(Option<i64>),
    Fault(&'static str),
}

fn at() -> impl Strategy<Value = At> {
    (0..2_usize, 0..3_usize, 0..2_usize).prop_map(|(who, which, replica)| At { who, which, replica })
}

fn amount() -> impl Strategy<Value = Amount> {
    prop_oneof![
        2 => Just(Amount::Rest),
        4 => (1..=100_i64).prop_map(Amount::Share),
        1 => Just(Amount::TooMuch),
    ]
}

fn leap() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => prop::sample::select(&LEAPS_S[..5]),
        4 => prop::sample::select(&LEAPS_S[5..7]),
        1 => Just(YEAR_S),
    ]
    .prop_map(Step::Leap)
}

/// Something with an order.
fn with_order() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0..2_usize, 1..=5_i64).prop_map(|(who, quantity)| Step::Order { who, quantity }),
        1 => (at(), any::<bool>()).prop_map(|(at, is_same)| Step::OrderAgain(at, is_same)),
        4 => at().prop_map(Step::Purchase),
        9 => at().prop_map(Step::Start),
        9 => (at(), prop::bool::weighted(0.4)).prop_map(|(at, despite_close)| Step::Pay(at, despite_close)),
        1 => at().prop_map(Step::Cancel),
        2 => at().prop_map(Step::PayLate),
        2 => (at(), any::<bool>()).prop_map(|(at, is_paid)| Step::BeginTwice(at, is_paid)),
        3 => at().prop_map(Step::Sync),
        3 => at().prop_map(Step::Close),
        1 => at().prop_map(Step::Pry),
        1 => at().prop_map(Step::NoticeTwice),
        6 => (at(), prop::sample::select(&[Goods::Parcel, Goods::Part, Goods::Virtual][..]))
            .prop_map(|(at, goods)| Step::Ship(at, goods)),
    ]
}

/// Something with money that goes back.
fn with_refund() -> impl Strategy<Value = Step> {
    let ends = prop::sample::select(
        &[
            Some("SUCCESS"),
            Some("SUCCESS"),
            Some("CLOSED"),
            Some("ABNORMAL"),
            None,
        ][..],
    );
    prop_oneof![
        8 => (at(), amount(), any::<bool>()).prop_map(|(at, amount, restock)| Step::Refund(at, amount, restock)),
        1 => (at(), any::<bool>()).prop_map(|(at, is_same)| Step::RefundAgain(at, is_same)),
        2 => (at(), prop::array::uniform3(20..=70_i64)).prop_map(|(at, shares)| Step::RefundsAtOnce(at, shares)),
        5 => (0..4_usize, ends).prop_map(|(which, end)| Step::End(which, end)),
        1 => (0..4_usize).prop_map(Step::RefundNoticeTwice),
        2 => (0..4_usize).prop_map(Step::CallOff),
        1 => prop::sample::select(&[None, Some(0), Some(60)][..]).prop_map(Step::Balance),
    ]
}

/// A step, the likely ones more often.
pub(super) fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => leap(),
        2 => prop::sample::select(&SKEWS_S[..]).prop_map(Step::Skew),
        6 => (0..2_usize).prop_map(Step::Work),
        5 => Just(Step::Deliver),
        28 => with_order(),
        20 => with_refund(),
        4 => prop::sample::select(&FAULTS[..]).prop_map(Step::Fault),
    ]
}
