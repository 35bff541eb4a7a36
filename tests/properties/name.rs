//! Names and texts: whatever comes in, the parser answers, and what it takes is what it says.

use proptest::prelude::*;
use weir::domain::name::{
    AppId, CollectionName, KeySerial, LoginCode, MchId, NameError, OpenId, OutTradeNo, PrepayId, ProductId,
    TransactionId, UnionId,
};
use weir::domain::order::{OrderItem, description};
use weir::domain::{fen::Fen, text};

/// A parser, its name's bounds and its characters beside letters and digits.
type Row = (
    fn(String) -> Result<String, NameError>,
    std::ops::RangeInclusive<usize>,
    &'static str,
);

fn row(
    parse: fn(String) -> Result<String, NameError>,
    bounds: std::ops::RangeInclusive<usize>,
    extra: &'static str,
) -> Row {
    (parse, bounds, extra)
}

macro_rules! rows {
    ($($type:ident $bounds:expr, $extra:literal;)+) => {
        vec![$(row(|text| $type::parse(text).map(String::from), $bounds, $extra)),+]
    };
}

fn rows() -> Vec<Row> {
    rows! {
        AppId 1..=32, "_-";
        OpenId 1..=128, "_-";
        UnionId 1..=128, "_-";
        MchId 1..=32, "";
        CollectionName 1..=64, "_-";
        LoginCode 1..=256, "-._~";
        OutTradeNo 6..=32, "_-|*";
        TransactionId 1..=32, "_-";
        PrepayId 1..=64, "_-";
        KeySerial 1..=64, "_";
        ProductId 1..=64, "_-.";
    }
}

fn any_text() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        "[A-Za-z0-9_|*.~-]{0,300}",
        "[a-z]{5,33}",
        "[ -~]{0,64}"
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_name_is_taken_exactly_when_it_has_the_shape(text in any_text()) {
        for (parse, bounds, extra) in rows() {
            let has_shape = bounds.contains(&text.chars().count())
                && text.chars().all(|letter| letter.is_ascii_alphanumeric() || extra.contains(letter));
            prop_assert_eq!(parse(text.clone()).ok(), has_shape.then(|| text.clone()));
        }
    }

    #[test]
    fn a_name_survives_json(text in "[A-Za-z0-9_-]{1,128}") {
        let openid = OpenId::parse(text).unwrap();
        let json = serde_json::to_string(&openid).unwrap();
        prop_assert_eq!(serde_json::from_str::<OpenId>(&json).unwrap(), openid);
    }

    #[test]
    fn what_wechat_pay_gets_is_what_it_takes(input in any::<String>(), max in 0..60_usize) {
        let safe = text::for_wechat_pay(&input, max);
        prop_assert!(safe.chars().count() <= max);
        prop_assert!(safe.chars().all(|letter| letter.len_utf8() <= 3 && !letter.is_control()));
        prop_assert_eq!(text::for_wechat_pay(&safe, max), safe);
    }

    #[test]
    fn a_description_is_never_empty_and_never_too_long(titles in prop::collection::vec(any::<String>(), 1..50)) {
        let items: Vec<_> = titles
            .into_iter()
            .map(|title| OrderItem {
                product_id: ProductId::parse("tea").unwrap(),
                title,
                unit_price_fen: Fen::ZERO,
                quantity: 1,
            })
            .collect();
        let words = description(&items);
        prop_assert!((1..=40).contains(&words.chars().count()), "{words}");
        prop_assert!(words.chars().all(|letter| letter.len_utf8() <= 3 && !letter.is_control()));
    }

    #[test]
    fn a_text_is_judged_by_its_characters(input in any::<String>(), max in 0..40_usize) {
        let is_fine = !input.contains('\0') && input.chars().count() <= max;
        prop_assert_eq!(text::check(&input, max).is_ok(), is_fine);
    }
}
