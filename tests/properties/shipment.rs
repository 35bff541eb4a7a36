//! What is said of a shipment, what of it WeChat holds, and how numbers and words are made fit for it.

use chrono::{DateTime, TimeDelta};
use proptest::prelude::*;
use proptest::sample::select;
use weir::domain::name::{Carrier, TrackingNo};
use weir::domain::shipment::{
    Earlier, Finding, Held, HeldParcel, HeldShipping, Parcel, ShipmentKind, ShipmentRefusal, ShipmentStatus,
    Told, Verdict, description, finding, gap_after, is_unknown_for_good, masked_contact, plan, verdict,
    wants_contact,
};

/// A parcel of tea under a number of its own.
pub(crate) fn parcel(number: usize) -> Parcel {
    Parcel {
        tracking_no: TrackingNo::parse(format!("A{number}")).ok(),
        carrier: Carrier::parse("STO").ok(),
        description: "tea".to_owned(),
        receiver_contact: None,
    }
}

/// What somebody says, and how far WeChat gets with it before the next.
type Saying = (ShipmentKind, bool, ShipmentStatus, bool, bool);

fn sayings() -> impl Strategy<Value = Vec<Saying>> {
    let one = (
        select(ShipmentKind::ALL.to_vec()),
        any::<bool>(),
        select(ShipmentStatus::ALL.to_vec()),
        any::<bool>(),
        any::<bool>(),
    );
    prop::collection::vec(one, 1..12)
}

proptest! {
    /// However it goes: the chance to correct is taken by one telling at the most, parcels of one telling differ,
    /// and nothing follows a whole one but a correction.
    #[test]
    fn the_chance_is_taken_once(sayings in sayings()) {
        let mut all: Vec<Earlier> = Vec::new();
        for (number, (kind, is_complete, status, may_have_arrived, is_denied)) in sayings.into_iter().enumerate() {
            let is_complete = is_complete || kind != ShipmentKind::Express;
            let parcels = [parcel(number)];
            let told = Told { kind, parcels: &parcels, is_complete };
            let Ok(plan) = plan(&all, told) else { continue };
            if plan.is_replacing {
                for one in &mut all {
                    if one.status == ShipmentStatus::Created {
                        one.status = ShipmentStatus::Replaced;
                    }
                }
            }
            prop_assert_eq!(plan.position, all.last().map_or(1, |last| last.position + 1));
            prop_assert!(plan.is_split == (kind == ShipmentKind::Express && (!is_complete || plan.is_split)));
            all.push(Earlier {
                position: plan.position,
                generation: plan.generation,
                kind,
                parcels: parcels.to_vec(),
                is_complete,
                is_again: plan.is_again,
                status: if status == ShipmentStatus::Replaced { ShipmentStatus::Created } else { status },
                may_have_arrived: may_have_arrived && status == ShipmentStatus::Created,
                is_chance_denied: is_denied && status == ShipmentStatus::Refused,
            });
        }
        let mut held: Vec<i32> = all
            .iter()
            .filter(|one| one.is_again && one.status == ShipmentStatus::Uploaded)
            .map(|one| one.generation)
            .collect();
        held.dedup();
        prop_assert!(held.len() <= 1, "{all:?}");
        for pair in all.windows(2) {
            let [before, after] = pair else { unreachable!() };
            let is_same = before.generation == after.generation;
            prop_assert!(!(is_same && before.is_complete && before.is_live()), "{pair:?}");
        }
    }

    #[test]
    fn a_contact_shows_its_last_four_digits_and_not_all(text in "[+]?[0-9 ()-]{5,30}") {
        if let Some(masked) = masked_contact(&text) {
            let digits: String = text.chars().filter(char::is_ascii_digit).collect();
            prop_assert!(masked.contains("****"));
            prop_assert!(masked.ends_with(&digits[digits.len() - 4..]));
            let shown = masked.chars().filter(char::is_ascii_digit).count();
            prop_assert!(shown <= 7 && shown < digits.len());
            prop_assert_eq!(masked_contact(&masked), Some(masked.clone()));
        }
    }

    #[test]
    fn a_description_fits_and_says_something(lines in prop::collection::vec(("\\PC{0,80}", 1..100_i32), 1..20)) {
        let text = description(lines.iter().map(|(title, quantity)| (title.as_str(), *quantity)));
        let count = text.chars().count();
        prop_assert!((1..=120).contains(&count), "{}", text);
        prop_assert!(!text.chars().any(char::is_control));
    }
}

#[test]
fn contacts_are_masked() {
    for (given, masked) in [
        ("13812345678", Some("138****5678")),
        ("138 1234 5678", Some("138****5678")),
        ("+86 13812345678", Some("+86****5678")),
        ("8882345", Some("****2345")),
        ("189****1234", Some("189****1234")),
        ("****1234", Some("****1234")),
        ("189****12*4", None),
        ("abcdefg1234", None),
        ("123456", None),
    ] {
        assert_eq!(masked_contact(given).as_deref(), masked, "{given}");
    }
    assert!(wants_contact(&Carrier::parse("SF").unwrap()) && !wants_contact(&Carrier::parse("STO").unwrap()));
}

#[test]
fn descriptions_name_what_is_in_the_order() {
    let of = |lines: &[(&'static str, i32)]| description(lines.iter().copied());
    assert_eq!(of(&[("茶 🍵", 2), ("cup", 1)]), "茶 ×2; cup ×1");
    assert_eq!(of(&[("🍵", 2)]), "商品");
    let long = of(&[("a", 1), (Box::leak("茶".repeat(200).into_boxed_str()), 1)]);
    assert_eq!(long.chars().count(), 120);
    assert!(long.starts_with("a ×1; 茶") && long.ends_with('…'));
}

#[test]
fn numbers_of_wechat_are_told_apart() {
    for (errcode, expected) in [
        (10_060_002, Verdict::Shipped),
        (10_060_023, Verdict::Done),
        (10_060_001, Verdict::Unknown),
        (10_060_003, Verdict::Ask),
        (10_060_004, Verdict::Ask),
        (-1, Verdict::Trouble),
        (10_060_012, Verdict::Trouble),
        (10_060_019, Verdict::Trouble),
        (45_009, Verdict::Later),
        (40_001, Verdict::Later),
        (10_060_031, Verdict::Refused),
        (10_060_014, Verdict::Refused),
        (1, Verdict::Refused),
    ] {
        assert_eq!(verdict(errcode), expected, "{errcode}");
    }
}

#[test]
fn gaps_grow_and_a_young_payment_may_be_unknown() {
    let gaps: Vec<TimeDelta> = (0..20).map(gap_after).collect();
    assert!(gaps.is_sorted());
    assert_eq!(
        (gaps[0], gaps[1], gaps[19]),
        (
            TimeDelta::seconds(10),
            TimeDelta::seconds(10),
            TimeDelta::hours(2)
        )
    );
    let paid_at = DateTime::from_timestamp(1_764_000_000, 0).unwrap();
    let after = |seconds| paid_at + TimeDelta::seconds(seconds);
    assert!(!is_unknown_for_good(paid_at, paid_at, after(3_599)));
    assert!(is_unknown_for_good(paid_at, paid_at, after(3_600)));
    assert!(!is_unknown_for_good(paid_at, after(86_400), after(86_999)));
    assert!(is_unknown_for_good(paid_at, after(86_400), after(87_000)));
}

#[test]
fn what_wechat_holds_is_compared_word_by_word() {
    let parcels = [parcel(1)];
    let sent = weir::domain::shipment::Sent {
        kind: ShipmentKind::Express,
        parcels: &parcels,
        is_split: false,
        is_complete: true,
        is_again: false,
    };
    let shipping = HeldShipping {
        logistics_type: 1,
        delivery_mode: 1,
        is_finished: true,
        finish_count: 1,
        parcels: vec![HeldParcel {
            tracking_no: "A1".to_owned(),
            carrier: "STO".to_owned(),
            description: "tea".to_owned(),
        }],
    };
    let found = |order_state, shipping: Option<HeldShipping>, sent| {
        finding(
            sent,
            &Held {
                order_state,
                shipping,
            },
        )
    };
    let changed = |change: fn(&mut HeldShipping)| {
        let mut held = shipping.clone();
        change(&mut held);
        Some(held)
    };
    for state in [2, 3, 4, 6] {
        assert_eq!(
            found(state, Some(shipping.clone()), sent),
            Finding::Ours,
            "{state}"
        );
    }
    assert_eq!(found(5, Some(shipping.clone()), sent), Finding::Refunded);
    assert_eq!(found(1, None, sent), Finding::Open);
    for other in [
        changed(|held| held.logistics_type = 2),
        changed(|held| held.delivery_mode = 2),
        changed(|held| held.parcels[0].tracking_no.push('0')),
        changed(|held| held.parcels[0].carrier.push('0')),
        changed(|held| held.parcels[0].description.push('0')),
        changed(|held| held.is_finished = false),
        changed(|held| held.parcels.clear()),
    ] {
        assert_eq!(found(2, other.clone(), sent), Finding::Other, "{other:?}");
        assert_eq!(found(3, other, sent), Finding::Closed);
    }
    // WeChat need not tell the description.
    let silent = changed(|held| held.parcels[0].description.clear());
    assert_eq!(found(2, silent, sent), Finding::Ours);
    // A correction has arrived when all was sent twice.
    let again = weir::domain::shipment::Sent {
        is_again: true,
        ..sent
    };
    assert_eq!(found(2, Some(shipping.clone()), again), Finding::Other);
    let twice = changed(|held| held.finish_count = 2);
    assert_eq!(found(2, twice.clone(), again), Finding::Ours);
    let other_twice = changed(|held| {
        held.finish_count = 2;
        held.logistics_type = 4;
    });
    assert_eq!(found(2, other_twice, again), Finding::Closed);
}

#[test]
fn words_are_read_as_they_are_written() {
    for kind in ShipmentKind::ALL {
        assert_eq!(ShipmentKind::parse(kind.as_str()), Some(kind));
    }
    for status in ShipmentStatus::ALL {
        assert_eq!(ShipmentStatus::parse(status.as_str()), Some(status));
    }
    let refused = plan(
        &[],
        Told {
            kind: ShipmentKind::Virtual,
            parcels: &[],
            is_complete: true,
        },
    );
    assert_eq!(refused.map(|plan| plan.position), Ok::<i32, ShipmentRefusal>(1));
}
