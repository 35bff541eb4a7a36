//! The machine of an order.

use std::fmt::Write as _;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use weir::domain::order::{OrderEvent, OrderMove, OrderStatus, decide};

pub(crate) fn any_status() -> impl Strategy<Value = OrderStatus> {
    select(OrderStatus::ALL.to_vec())
}

/// The status after a move, which the store writes.
pub(crate) fn moved(status: OrderStatus, step: OrderMove) -> OrderStatus {
    match step {
        OrderMove::Pay => OrderStatus::Paid,
        OrderMove::CloseAndReturnStock => OrderStatus::Closed,
        OrderMove::RefundInPart => OrderStatus::PartiallyRefunded,
        OrderMove::RefundInFull => OrderStatus::Refunded,
        OrderMove::Stay | OrderMove::StayWithSurplus => status,
    }
}

fn was_paid(status: OrderStatus) -> bool {
    matches!(
        status,
        OrderStatus::Paid | OrderStatus::PartiallyRefunded | OrderStatus::Refunded
    )
}

#[test]
fn the_whole_table() {
    let mut table = String::new();
    for status in OrderStatus::ALL {
        writeln!(table, "{}", status.as_str()).unwrap();
        for event in OrderEvent::ALL {
            let step = decide(status, event);
            writeln!(
                table,
                "    {event:<15} -> {step:<20} {}",
                moved(status, step).as_str(),
                event = format!("{event:?}"),
                step = format!("{step:?}")
            )
            .unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn only_a_waiting_order_is_paid_or_closed() {
    for status in OrderStatus::ALL {
        for event in OrderEvent::ALL {
            let step = decide(status, event);
            let moves = matches!(step, OrderMove::Pay | OrderMove::CloseAndReturnStock);
            let ends_waiting = matches!(event, OrderEvent::PaymentLanded | OrderEvent::AttemptsClosed);
            assert_eq!(
                moves,
                ends_waiting && status == OrderStatus::AwaitingPayment,
                "{status:?} {event:?}"
            );
        }
    }
}

#[test]
fn only_a_paid_order_is_refunded_and_never_less_than_before() {
    for status in OrderStatus::ALL {
        for event in OrderEvent::ALL {
            let step = decide(status, event);
            let refunds = matches!(step, OrderMove::RefundInPart | OrderMove::RefundInFull);
            let is_refund = matches!(event, OrderEvent::RefundedInPart | OrderEvent::RefundedInFull);
            let has_money = matches!(status, OrderStatus::Paid | OrderStatus::PartiallyRefunded);
            assert_eq!(refunds, is_refund && has_money, "{status:?} {event:?}");
        }
        assert!(
            status != OrderStatus::Refunded
                || OrderEvent::ALL
                    .iter()
                    .all(|event| moved(status, decide(status, *event)) == status)
        );
    }
}

#[test]
fn a_status_is_read_as_it_is_written() {
    for status in OrderStatus::ALL {
        assert_eq!(OrderStatus::parse(status.as_str()), Some(status));
    }
}

proptest! {
    #[test]
    fn an_order_is_paid_once_closed_once_and_never_both(
        start in any_status(),
        events in vec(select(OrderEvent::ALL.to_vec()), 0..20),
    ) {
        let mut status = start;
        let (mut pays, mut closes, mut landed, mut surplus) = (0, 0, 0, 0);
        for event in events {
            let step = decide(status, event);
            pays += usize::from(step == OrderMove::Pay);
            closes += usize::from(step == OrderMove::CloseAndReturnStock);
            surplus += usize::from(step == OrderMove::StayWithSurplus);
            landed += usize::from(event == OrderEvent::PaymentLanded);
            let after = moved(status, step);
            prop_assert!(!was_paid(status) || was_paid(after), "paid went back to unpaid");
            prop_assert!(status != OrderStatus::Closed || after == OrderStatus::Closed, "closed was opened again");
            status = after;
        }
        prop_assert!(pays + closes <= 1);
        prop_assert_eq!(pays + surplus, landed, "money was dropped");
    }
}
