//! The decision about landed money, over its whole domain.

use std::fmt::Write as _;

use chrono::DateTime;
use weir::domain::attempt::AttemptState;
use weir::domain::exception::ExceptionKind;
use weir::domain::name::{AppId, MchId, OutTradeNo, TransactionId};
use weir::domain::order::OrderStatus;
use weir::domain::settlement::{Expectation, LandedPayment, Settlement, decide};

/// What is already known of the attempt's money.
#[derive(Clone, Copy, Debug)]
enum Known {
    Nothing,
    This,
    Another,
}

const KNOWN: [Known; 3] = [Known::Nothing, Known::This, Known::Another];

/// Which of [`FIELDS`] differ from what is expected.
type Differing = [bool; 4];

const FIELDS: [&str; 4] = ["merchant", "app", "currency", "amount"];
const NOTHING_DIFFERS: Differing = [false; 4];

fn every_difference() -> impl Iterator<Item = Differing> {
    (0_u8..16).map(|bits| [bits & 8 != 0, bits & 4 != 0, bits & 2 != 0, bits & 1 != 0])
}

pub(crate) fn landed(transaction_id: &str) -> LandedPayment {
    LandedPayment {
        app_id: AppId::parse("wx1234567890abcdef").unwrap(),
        mch_id: MchId::parse("1900000001").unwrap(),
        out_trade_no: OutTradeNo::parse("T20260101000001").unwrap(),
        transaction_id: TransactionId::parse(transaction_id).unwrap(),
        total_fen: 100,
        currency: "CNY".to_owned(),
        payer: None,
        success_at: DateTime::UNIX_EPOCH,
        is_refund_begun: false,
    }
}

pub(crate) fn expectation(state: AttemptState, order_status: OrderStatus) -> Expectation {
    Expectation {
        app_id: AppId::parse("wx1234567890abcdef").unwrap(),
        mch_id: MchId::parse("1900000001").unwrap(),
        total_fen: 100,
        currency: "CNY".to_owned(),
        state,
        transaction_id: None,
        order_status,
    }
}

fn decided(state: AttemptState, status: OrderStatus, known: Known, differing: Differing) -> Settlement {
    let mut landed = landed("this");
    let [merchant, app, currency, amount] = differing;
    if merchant {
        landed.mch_id = MchId::parse("1900000002").unwrap();
    }
    if app {
        landed.app_id = AppId::parse("wxfedcba0987654321").unwrap();
    }
    if currency {
        "USD".clone_into(&mut landed.currency);
    }
    if amount {
        landed.total_fen = 101;
    }
    let transaction_id = match known {
        Known::Nothing => None,
        Known::This => Some("this"),
        Known::Another => Some("another"),
    };
    let expected = Expectation {
        transaction_id: transaction_id.map(|id| TransactionId::parse(id).unwrap()),
        ..expectation(state, status)
    };
    decide(&expected, &landed)
}

fn every_place() -> impl Iterator<Item = (AttemptState, OrderStatus, Known)> {
    AttemptState::ALL.into_iter().flat_map(|state| {
        OrderStatus::ALL
            .into_iter()
            .flat_map(move |status| KNOWN.into_iter().map(move |known| (state, status, known)))
    })
}

fn words(settlement: Settlement) -> String {
    match settlement {
        Settlement::Settle => "settle".to_owned(),
        Settlement::Duplicate => "duplicate".to_owned(),
        Settlement::Surplus(kind) => format!("surplus: {}", kind.as_str()),
        Settlement::Mismatch(kind) => format!("mismatch: {}", kind.as_str()),
    }
}

#[test]
fn the_whole_table() {
    let mut table = String::from("Everything as expected: attempt, order, money known of the attempt\n");
    for (state, status, known) in every_place() {
        let known_words = format!("{known:?}").to_lowercase();
        let decision = words(decided(state, status, known, NOTHING_DIFFERS));
        writeln!(
            table,
            "    {:<9} {:<18} {known_words:<8} -> {decision}",
            state.as_str(),
            status.as_str()
        )
        .unwrap();
    }
    table.push_str("Something differs, whatever the attempt, the order and the money\n");
    for differing in every_difference().skip(1) {
        let decision = decided(
            AttemptState::Prepaid,
            OrderStatus::AwaitingPayment,
            Known::Nothing,
            differing,
        );
        for (state, status, known) in every_place() {
            assert_eq!(
                decided(state, status, known, differing),
                decision,
                "{state:?} {status:?} {known:?}"
            );
        }
        let names: Vec<_> = FIELDS
            .iter()
            .zip(differing)
            .filter(|(_, differs)| *differs)
            .map(|(name, _)| *name)
            .collect();
        writeln!(table, "    {:<29} -> {}", names.join("+"), words(decision)).unwrap();
    }
    insta::assert_snapshot!(table);
}

#[test]
fn money_pays_an_order_only_when_everything_fits_and_it_waits() {
    for differing in every_difference() {
        for (state, status, known) in every_place() {
            if decided(state, status, known, differing) == Settlement::Settle {
                assert_eq!(status, OrderStatus::AwaitingPayment);
                assert!(!state.has_money());
                assert_eq!(differing, NOTHING_DIFFERS);
            }
        }
    }
}

#[test]
fn an_attempt_that_has_money_takes_no_more() {
    for (state, status, known) in every_place().filter(|(state, ..)| state.has_money()) {
        let wanted = match known {
            Known::This => Settlement::Duplicate,
            Known::Nothing | Known::Another => Settlement::Mismatch(ExceptionKind::SecondTransaction),
        };
        assert_eq!(decided(state, status, known, NOTHING_DIFFERS), wanted);
    }
}
