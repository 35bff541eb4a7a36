//! What the operator reads of money that goes astray, and of who does not want to hear of it.

use serde_json::{Value, json};

use crate::admin_order::{lines, story};
use crate::harness::{Receiver, Reply, Setup, shop, shop_with};

/// The entries of a kind.
fn of_kind(told: &Value, kind: &str) -> Vec<Value> {
    let timeline = told["timeline"].as_array().unwrap();
    let found = timeline.iter().filter(|entry| entry["kind"] == kind);
    found.cloned().collect()
}

#[tokio::test]
async fn a_refund_that_is_stuck_is_dated_when_it_got_stuck() {
    shop(async |shop| {
        shop.stock("tea", 6_800, None).await;
        let phone = shop.visitor().await;
        let order = phone.paid_order("tea", 1).await;
        let refund = shop.refund(&order, 6_800).await;
        shop.run_workers().await;
        shop.end_refund(&refund, "ABNORMAL").await;
        shop.pass(5).await;
        let stuck = of_kind(&story(shop, &order).await, "refund_stuck");
        assert_eq!(stuck.len(), 1);
        let asked = shop.calls("refund_query").await.len();
        for _ in 0..2 {
            shop.pass(7_920).await;
        }
        assert_eq!(shop.calls("refund_query").await.len(), asked + 2);
        assert_eq!(of_kind(&story(shop, &order).await, "refund_stuck"), stuck);
    })
    .await;
}

#[tokio::test]
async fn a_support_person_reads_of_money_that_nobody_wanted_and_nobody_wants_to_hear_of() {
    let receiver = Receiver::start().await;
    shop_with(receiver.told_by(Setup::default()), async |shop| {
        receiver.answer(|_, _| Reply::Status(410));
        shop.announce("wechat_rejected");
        shop.stock("tea", 6_800, None).await;
        let phone = shop.visitor().await;
        let order = phone.buy("tea", 1).await;
        // WeChat refuses the first number for good, and takes the second.
        shop.faults(
            json!([{"kind": "pay_error", "api": "prepay", "status": 400, "code": "PARAM_ERROR", "times": 1}]),
        )
        .await;
        phone
            .try_start_payment(&order)
            .await
            .refused(502, "wechat_rejected");
        shop.advance(5).await;
        let sheet = phone.cashier(&phone.start_payment(&order).await).await;
        shop.advance(5).await;
        // The buyer calls it off, and the payment that was under way wins.
        phone.close(&order).await.ok(200);
        shop.advance(5).await;
        phone.pay_despite_close(&sheet).await;
        shop.advance(5).await;
        assert_eq!(shop.deliver().await[0]["status"], 204);
        // It is to go back, and does not.
        shop.pass(5).await;
        shop.end_refund(&shop.refunds_at_wechat().await[0], "CLOSED")
            .await;
        shop.pass(5).await;
        let told = story(shop, &order).await;
        insta::assert_snapshot!(lines(&told));

        // An order that was closed and stays unpaid says so of its number.
        let other = phone.buy("tea", 1).await;
        phone.start_payment(&other).await;
        phone.close(&other).await.ok(200);
        let ended = of_kind(&story(shop, &other).await, "payment_ended");
        let number = shop.number(&other).await;
        assert_eq!(
            ended[0]["summary"],
            format!("The number {number} was closed: nobody can pay it any more.")
        );

        let open = shop
            .admin("GET", "/admin/exceptions?status=open", None)
            .await
            .ok(200);
        let mut parked = open["items"].as_array().unwrap().iter();
        let parked = parked.find(|one| one["kind"] == "event_undelivered").unwrap();
        let path = format!("/admin/exceptions/{}/resolve", parked["id"].as_str().unwrap());
        shop.admin("POST", &path, Some(&json!({"resolution": "They know."})))
            .await
            .ok(200);
        let told = of_kind(&story(shop, &order).await, "event_told");
        assert_eq!(told.len(), 1);
        assert_eq!(
            told[0]["summary"],
            "order.closed is not told to the receiver of events any more: a human gave it up."
        );
    })
    .await;
}
