//! A shop of virtual goods: what is paid is sent by itself.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::{paid, virtual_goods};
use crate::harness::{Setup, Shop, shop, shop_with};

fn automatic() -> Setup {
    Setup::default().with("SHIP_VIRTUAL_GOODS", "true")
}

async fn assert_shipped_once(shop: &Shop, order: &str) {
    let events = shop.events(order).await;
    let events: Vec<(&str, &str)> = events
        .iter()
        .map(|(kind, cause)| (kind.as_str(), cause.as_str()))
        .collect();
    assert!(
        [
            [("order.paid", "notification"), ("order.shipped", "setting")],
            [("order.paid", "query"), ("order.shipped", "setting")]
        ]
        .contains(&[events[0], events[1]]),
        "{events:?}"
    );
    assert_eq!(shop.shipment_statuses(order).await, ["processing"]);
    shop.pass(30).await;
    let there = shop.shipment_at_wechat(order).await;
    assert_eq!(
        (
            &there["logistics_type"],
            &there["order_state"],
            &there["is_again_used"]
        ),
        (&json!(3), &json!(2), &json!(false))
    );
    assert_eq!(there["parcels"][0]["item_desc"], "Tea tea ×3");
    let call = shop.shipment_of(order).await["calls"][0].clone();
    assert_eq!(
        (&call["status"], &call["cause"]),
        (&json!("uploaded"), &json!("setting"))
    );
}

#[tokio::test]
async fn a_notice_that_comes_twenty_times_ships_once() {
    shop_with(automatic().replicas(2), async |shop| {
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        let order = phone.buy("tea", 3).await;
        phone.pay(&order).await;
        let number = shop.number(&order).await;
        let notices = (0..20).map(|_| shop.notify(json!({ "out_trade_no": number })));
        let statuses: Vec<u64> = join_all(notices).await.into_iter().flatten().collect();
        assert_eq!(statuses, [204; 20]);
        shop.deliver().await;
        assert!(phone.read_order(&order).await["shipped_at"].is_string());
        assert_shipped_once(shop, &order).await;
        assert_eq!(shop.shipping_calls().await, (1, 0));
        // The operator who says it as well says nothing new.
        let again = shop.try_ship(&order, &virtual_goods()).await;
        assert_eq!(again.header("idempotent-replayed"), Some("true"));
    })
    .await;
}

#[tokio::test]
async fn a_payment_that_is_found_by_a_question_ships_as_well() {
    shop_with(automatic(), async |shop| {
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        let order = phone.buy("tea", 3).await;
        phone.pay(&order).await;
        assert_eq!(phone.sync(&order).await["status"], "paid");
        assert_shipped_once(shop, &order).await;
    })
    .await;
}

#[tokio::test]
async fn money_that_no_order_wants_ships_nothing() {
    shop_with(automatic(), async |shop| {
        shop.stock("tea", 100, None).await;
        let phone = shop.visitor().await;
        let order = phone.buy("tea", 1).await;
        let sheet = phone.cashier(&phone.start_payment(&order).await).await;
        phone.close(&order).await.ok(200);
        phone.pay_despite_close(&sheet).await;
        shop.deliver().await;
        assert_eq!(shop.exceptions().await[0].0, "paid_after_close");
        assert_eq!(shop.count("select count(*) from shipments").await, 0);
        assert_eq!(shop.shipment_of(&order).await, Value::Null);
    })
    .await;
}

#[tokio::test]
async fn without_the_setting_nothing_is_said() {
    shop(async |shop| {
        let (phone, order) = paid(shop).await;
        shop.pass(86_400).await;
        assert_eq!(shop.count("select count(*) from shipments").await, 0);
        assert_eq!(phone.read_order(&order).await["shipped_at"], Value::Null);
        assert_eq!(shop.shipment_of(&order).await, Value::Null);
        assert_eq!(shop.shipping_calls().await, (0, 0));
    })
    .await;
}
