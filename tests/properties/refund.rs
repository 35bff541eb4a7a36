//! The machine of a refund, its comparison with what WeChat reports, and what bounds it.

use std::fmt::Write as _;

use chrono::{DateTime, TimeDelta, Utc};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use weir::domain::fen::Fen;
use weir::domain::name::{MchId, OutRefundNo, OutTradeNo, TransactionId, WechatRefundId};
use weir::domain::refund::{
    ExpectedRefund, REFUND_WINDOW, REFUNDS_MAX, RefundEvent, RefundMove, RefundRefusal, RefundStatus,
    Refundable, ReportedRefund, SUBMIT_GAP, begin, decide, decide_report, difference, gap_after, told_reason,
};

fn any_status() -> impl Strategy<Value = RefundStatus> {
    select(RefundStatus::ALL.to_vec())
}

fn moved(status: RefundStatus, event: RefundEvent) -> RefundStatus {
    match decide(status, event) {
        RefundMove::To(next) => next,
        RefundMove::Stay | RefundMove::Contradiction => status,
    }
}

#[test]
fn the_whole_table() {
    let mut table = String::new();
    for status in RefundStatus::ALL {
        writeln!(table, "{}", status.as_str()).unwrap();
        for event in RefundEvent::ALL {
            let step = format!("{:?}", decide(status, event));
            writeln!(table, "    {:<16} -> {step}", format!("{event:?}")).unwrap();
        }
    }
    insta::assert_snapshot!(table);
}

#[test]
fn a_status_is_read_as_it_is_written_and_shown_in_four_words() {
    for status in RefundStatus::ALL {
        assert_eq!(RefundStatus::parse(status.as_str()), Some(status));
        assert!(["processing", "succeeded", "closed", "abnormal"].contains(&status.shown()));
    }
    assert_eq!(RefundStatus::Created.shown(), "processing");
}

#[test]
fn what_is_final_stays_and_money_never_turns_round_unseen() {
    for status in RefundStatus::ALL {
        for event in RefundEvent::ALL {
            let after = moved(status, event);
            assert!(!status.is_final() || after == status, "{status:?} {event:?}");
            // Success and closing are never passed over: either it stands there, or a human looks.
            let said = match event {
                RefundEvent::FoundSucceeded => RefundStatus::Succeeded,
                RefundEvent::FoundClosed => RefundStatus::Closed,
                _ => continue,
            };
            let is_heard = after == said || decide(status, event) == RefundMove::Contradiction;
            assert!(is_heard, "{status:?} {event:?}");
        }
    }
}

#[test]
fn what_was_closed_here_and_never_known_there_cannot_be_on_its_way() {
    for status in RefundStatus::ALL {
        for event in RefundEvent::ALL {
            let usual = decide(status, event);
            assert_eq!(decide_report(status, true, event), usual);
            let is_under_way = [RefundEvent::FoundProcessing, RefundEvent::FoundAbnormal].contains(&event);
            let is_odd = status == RefundStatus::Closed && is_under_way;
            let wanted = if is_odd { RefundMove::Contradiction } else { usual };
            assert_eq!(
                decide_report(status, false, event),
                wanted,
                "{status:?} {event:?}"
            );
        }
    }
}

#[test]
fn nothing_but_what_wechat_says_frees_or_spends_the_sum() {
    for status in RefundStatus::ALL {
        for event in [RefundEvent::FoundAbsent, RefundEvent::FoundProcessing] {
            assert!(
                !moved(status, event).is_final() || status.is_final(),
                "{status:?} {event:?}"
            );
        }
    }
}

proptest! {
    #[test]
    fn any_reason_is_told_within_its_bounds(reason in ".*") {
        if let Some(told) = told_reason(&reason) {
            prop_assert!((1..=80).contains(&told.len()));
            prop_assert_eq!(told.trim(), told.as_str());
        }
    }

    #[test]
    fn in_whatever_order_news_come_the_end_is_the_same_and_comes_once(
        start in any_status(),
        events in vec(select(RefundEvent::ALL.to_vec()), 0..20),
    ) {
        let (mut status, mut ends) = (start, 0);
        for event in events {
            let after = moved(status, event);
            ends += usize::from(after.is_final() && !status.is_final());
            prop_assert_eq!(moved(after, event), after, "heard twice");
            status = after;
        }
        prop_assert!(ends <= 1);
    }

    #[test]
    fn a_refund_that_may_begin_fits_every_bound(
        total in 1_i64..1_000_000, reserved in 0_i64..1_000_000, amount in 1_i64..1_000_000,
        refund_count in 0_i32..60, paid_days_ago in 0_i64..400, last_s in prop::option::of(-4_000_i64..4_000),
    ) {
        let now = DateTime::from_timestamp(1_764_000_000, 0).unwrap();
        let payment = Refundable {
            total_fen: Fen::new(total).unwrap(),
            reserved_fen: Fen::new(reserved.min(total)).unwrap(),
            refund_count,
            success_at: now - TimeDelta::days(paid_days_ago),
            submit_at: last_s.map(|last| now + TimeDelta::seconds(last)),
        };
        let left = total - payment.reserved_fen.get();
        match begin(&payment, Fen::new(amount).unwrap(), now) {
            Ok(submit_at) => {
                prop_assert!(amount <= left && refund_count < REFUNDS_MAX);
                prop_assert!(submit_at >= now && submit_at - payment.success_at <= REFUND_WINDOW);
                prop_assert!(payment.submit_at.is_none_or(|last| submit_at - last >= SUBMIT_GAP));
            }
            Err(RefundRefusal::ExceedsPaid(told)) => prop_assert!(amount > left && told == left),
            Err(RefundRefusal::TooMany) => prop_assert!(refund_count >= REFUNDS_MAX),
            Err(RefundRefusal::TooLate) => prop_assert!(paid_days_ago >= 364),
        }
    }
}

#[test]
fn looks_begin_after_five_seconds_and_grow_apart() {
    let gaps: Vec<i64> = (0..30).map(|checks| gap_after(checks).num_seconds()).collect();
    assert_eq!(gaps.first(), Some(&5));
    assert!(gaps.is_sorted());
    assert_eq!(gaps.last(), Some(&7_200));
    assert_eq!(gap_after(-1), gap_after(0));
    // Five minutes of about a look a minute, as WeChat advises.
    assert!(
        (4..=6).contains(
            &gaps
                .iter()
                .scan(0, |sum, gap| {
                    *sum += gap;
                    Some(*sum)
                })
                .filter(|at| *at <= 300)
                .count()
        )
    );
}

#[test]
fn the_payer_reads_what_fits_however_wechat_counts() {
    assert_eq!(told_reason("茶凉了 🍵").as_deref(), Some("茶凉了"));
    assert_eq!(told_reason(&"字".repeat(80)).unwrap(), "字".repeat(26));
    assert_eq!(told_reason(&"a".repeat(80)).unwrap(), "a".repeat(80));
    assert_eq!(
        told_reason(&format!("{} b", "a".repeat(79))).unwrap(),
        "a".repeat(79)
    );
    assert_eq!(told_reason("🍵"), None);
}

fn reported() -> ReportedRefund {
    ReportedRefund {
        out_refund_no: OutRefundNo::parse("R1").unwrap(),
        refund_id: WechatRefundId::parse("5000").unwrap(),
        out_trade_no: OutTradeNo::parse("T00001").unwrap(),
        transaction_id: TransactionId::parse("4200").unwrap(),
        mch_id: Some(MchId::parse("1900000001").unwrap()),
        amount_fen: 30,
        total_fen: 100,
        currency: Some("CNY".to_owned()),
        event: RefundEvent::FoundSucceeded,
        success_at: Some(DateTime::<Utc>::UNIX_EPOCH),
    }
}

#[test]
fn every_field_is_compared() {
    let expected = ExpectedRefund {
        refund_id: Some(WechatRefundId::parse("5000").unwrap()),
        out_trade_no: OutTradeNo::parse("T00001").unwrap(),
        transaction_id: TransactionId::parse("4200").unwrap(),
        mch_id: MchId::parse("1900000001").unwrap(),
        amount_fen: 30,
        total_fen: 100,
    };
    let differs = |change: fn(&mut ReportedRefund)| {
        let mut reported = reported();
        change(&mut reported);
        difference(&expected, &reported)
    };
    assert_eq!(differs(|_| {}), None);
    assert_eq!(differs(|one| (one.mch_id, one.currency) = (None, None)), None);
    assert_eq!(
        differs(|one| one.mch_id = Some(MchId::parse("19").unwrap())),
        Some("mchid")
    );
    let other = |one: &mut ReportedRefund| one.out_trade_no = OutTradeNo::parse("T00002").unwrap();
    assert_eq!(differs(other), Some("out_trade_no"));
    let other = |one: &mut ReportedRefund| one.transaction_id = TransactionId::parse("42").unwrap();
    assert_eq!(differs(other), Some("transaction_id"));
    let other = |one: &mut ReportedRefund| one.refund_id = WechatRefundId::parse("50").unwrap();
    assert_eq!(differs(other), Some("refund_id"));
    assert_eq!(differs(|one| one.amount_fen = 31), Some("amount.refund"));
    assert_eq!(differs(|one| one.total_fen = 101), Some("amount.total"));
    assert_eq!(
        differs(|one| one.currency = Some("USD".to_owned())),
        Some("amount.currency")
    );
    // Before WeChat's number is known, any will do.
    let first = ExpectedRefund {
        refund_id: None,
        ..expected
    };
    assert_eq!(difference(&first, &reported()), None);
}
