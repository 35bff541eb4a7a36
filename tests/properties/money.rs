//! The laws of amounts.

use proptest::prelude::*;
use weir::domain::fen::{FEN_MAX, Fen};
use weir::domain::name::ProductId;
use weir::domain::order::{OrderItem, total};

fn any_fen() -> impl Strategy<Value = Fen> {
    prop_oneof![0..=FEN_MAX, 0..=1_000_i64, (FEN_MAX - 1_000)..=FEN_MAX]
        .prop_map(|value| Fen::new(value).unwrap())
}

/// The amount that unbounded arithmetic gives, if it is one.
fn model(value: i128) -> Option<i64> {
    i64::try_from(value)
        .ok()
        .filter(|value| (0..=FEN_MAX).contains(value))
}

/// The product is 2^64 and a little more: round the corner it would be an amount that may be charged.
#[test]
fn a_product_that_would_come_round_into_range_is_refused() {
    let (price, count) = (8_589_934_597, i32::MAX);
    let round = i64::wrapping_mul(price, i64::from(count));
    assert!((1..=FEN_MAX).contains(&round), "{round}");
    assert!(Fen::new(price).unwrap().times(count).is_err());
}

proptest! {
    #[test]
    fn an_amount_is_never_out_of_range(value in any::<i64>()) {
        prop_assert_eq!(Fen::new(value).ok().map(Fen::get), model(i128::from(value)));
        prop_assert_eq!(serde_json::from_str::<Fen>(&value.to_string()).ok(), Fen::new(value).ok());
    }

    #[test]
    fn no_fraction_is_an_amount(value in any::<f64>()) {
        prop_assert!(serde_json::from_value::<Fen>(serde_json::json!(value)).is_err());
    }

    #[test]
    fn sums_are_exact_or_refused(a in any_fen(), b in any_fen(), c in any_fen()) {
        let sum = a.plus(b).ok().map(Fen::get);
        prop_assert_eq!(sum, model(i128::from(a.get()) + i128::from(b.get())));
        prop_assert_eq!(a.plus(b).ok(), b.plus(a).ok());
        let left = a.plus(b).and_then(|sum| sum.plus(c)).ok();
        let right = b.plus(c).and_then(|sum| a.plus(sum)).ok();
        prop_assert_eq!(left, right);
        prop_assert_eq!(a.plus(Fen::ZERO).ok(), Some(a));
    }

    #[test]
    fn products_are_exact_or_refused(a in any_fen(), count in any::<i32>()) {
        prop_assert_eq!(a.times(count).ok().map(Fen::get), model(i128::from(a.get()) * i128::from(count)));
    }

    #[test]
    fn an_order_costs_the_sum_of_its_lines(lines in prop::collection::vec((any_fen(), 1..=9_999_i32), 0..10)) {
        let exact: i128 = lines.iter().map(|(price, quantity)| i128::from(price.get()) * i128::from(*quantity)).sum();
        let items: Vec<_> = lines
            .into_iter()
            .map(|(unit_price_fen, quantity)| OrderItem {
                product_id: ProductId::parse("tea").unwrap(),
                title: "茶".to_owned(),
                unit_price_fen,
                quantity,
            })
            .collect();
        prop_assert_eq!(total(&items).ok().map(Fen::get), model(exact));
    }
}
