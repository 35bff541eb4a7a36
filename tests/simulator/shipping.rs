//! Order shipping management: what is taken, what is refused and by which number, how the money comes free.

use serde_json::{Value, json};

use crate::harness::{APP, MCH_ID, OTHER_APP, Stage};

const UPLOAD: &str = "upload_shipping_info";

/// A simulator with a paid order, and the names of both.
struct Shipped {
    stage: Stage,
    number: &'static str,
    transaction_id: String,
    openid: String,
    minutes: std::cell::Cell<u32>,
}

impl Shipped {
    async fn new() -> Self {
        let stage = Stage::new().await;
        let number = "SHIP0001";
        let user = stage.user().await;
        let prepay_id = stage.prepay(&user, number).await;
        let cashier = stage.cashier(&user, &prepay_id).await;
        let paid = stage.act(&cashier, "pay").await;
        Self {
            stage,
            number,
            transaction_id: paid["transaction_id"].as_str().unwrap().to_owned(),
            openid: user["openids"][APP].as_str().unwrap().to_owned(),
            minutes: std::cell::Cell::new(0),
        }
    }

    async fn call(&self, name: &str, body: &Value) -> Value {
        let token = self.stage.stable_token(false).await["access_token"].clone();
        let path = format!("/wxa/sec/order/{name}?access_token={}", token.as_str().unwrap());
        self.stage.send("POST", &path, body).await.json()
    }

    /// A good call, with a time later than that of every one before.
    fn upload(&self) -> Value {
        self.minutes.set(self.minutes.get() + 1);
        json!({
            "order_key": {"order_number_type": 2, "transaction_id": self.transaction_id},
            "logistics_type": 1,
            "delivery_mode": 1,
            "shipping_list": [{"tracking_no": "A1", "express_company": "STO", "item_desc": "茶*1"}],
            "upload_time": format!("2026-11-21T10:{:02}:00.120+08:00", self.minutes.get()),
            "payer": {"openid": self.openid},
        })
    }

    async fn upload_with(&self, pointer: &str, value: Value) -> i64 {
        let mut body = self.upload();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        let parent = body.pointer_mut(parent).unwrap();
        match (parent, name.parse::<usize>()) {
            (Value::Array(items), Ok(at)) => items[at] = value,
            (Value::Object(members), _) if value.is_null() => drop(members.remove(name)),
            (Value::Object(members), _) => drop(members.insert(name.to_owned(), value)),
            (other, _) => panic!("{other}"),
        }
        self.call(UPLOAD, &body).await["errcode"].as_i64().unwrap()
    }

    async fn order(&self) -> Value {
        let body = json!({"transaction_id": self.transaction_id});
        self.call("get_order", &body).await["order"].clone()
    }

    async fn state(&self) -> i64 {
        self.order().await["order_state"].as_i64().unwrap()
    }

    async fn truth(&self) -> Value {
        self.stage.list("/simulator/shipments").await.pop().unwrap()
    }
}

#[tokio::test]
async fn each_field_is_checked_and_refused_by_its_number() {
    let it = Shipped::new().await;
    let chars = |count: usize| json!("a".repeat(count));
    let one = json!({"tracking_no": "A1", "express_company": "STO", "item_desc": "tea"});
    for (pointer, value, errcode) in [
        ("/order_key", json!(null), 10_060_014),
        ("/order_key/order_number_type", json!(3), 268_485_194),
        ("/order_key/transaction_id", json!(""), 268_485_195),
        ("/order_key", json!({"order_number_type": 1}), 268_485_196),
        (
            "/order_key",
            json!({"order_number_type": 1, "mchid": MCH_ID}),
            268_485_197,
        ),
        ("/order_key/transaction_id", json!("4200000009"), 10_060_001),
        (
            "/order_key",
            json!({"order_number_type": 1, "mchid": "1", "out_trade_no": "SHIP0001"}),
            10_060_001,
        ),
        ("/logistics_type", json!(5), 10_060_005),
        ("/delivery_mode", json!("UNIFIED_DELIVERY"), 268_485_224),
        ("/delivery_mode", json!(2), 10_060_007),
        ("/shipping_list", json!([]), 10_060_014),
        ("/shipping_list", json!([one, one]), 268_485_228),
        ("/shipping_list", json!(vec![&one; 16]), 10_060_024),
        ("/shipping_list/0/item_desc", json!(null), 10_060_020),
        ("/shipping_list/0/item_desc", json!(""), 10_060_008),
        ("/shipping_list/0/item_desc", chars(121), 10_060_009),
        ("/shipping_list/0/tracking_no", json!(""), 268_485_226),
        ("/shipping_list/0/tracking_no", chars(129), 10_060_026),
        ("/shipping_list/0/express_company", json!(null), 268_485_227),
        ("/shipping_list/0/express_company", chars(129), 10_060_025),
        ("/shipping_list/0/express_company", json!("SF"), 10_060_014),
        (
            "/shipping_list/0/contact",
            json!({"receiver_contact": "13800000001"}),
            10_060_014,
        ),
        ("/upload_time", json!("2026-11-21T10:00:00+08:00"), 268_485_216),
        ("/upload_time", json!("2026-11-21 10:00:00.120"), 268_485_216),
        ("/payer/openid", json!(""), 10_060_014),
        ("/payer/openid", json!("oSomebodyElse"), 10_060_031),
    ] {
        assert_eq!(
            it.upload_with(pointer, value.clone()).await,
            errcode,
            "{pointer} {value}"
        );
    }
    let mut split = it.upload();
    (split["logistics_type"], split["delivery_mode"]) = (json!(3), json!(2));
    assert_eq!(it.call(UPLOAD, &split).await["errcode"], 10_060_006);
    // None of them did anything.
    assert_eq!(it.truth().await["logistics_type"], Value::Null);
    let contact = json!({"tracking_no": "A1", "express_company": "SF", "item_desc": "tea",
        "contact": {"consignor_contact": "189****1234"}});
    assert_eq!(it.upload_with("/shipping_list/0", contact).await, 0);
    assert_eq!(it.state().await, 2);
}

#[tokio::test]
async fn an_order_is_shipped_and_once_more() {
    let it = Shipped::new().await;
    assert_eq!(it.state().await, 1);
    let first = it.upload();
    assert_eq!(it.call(UPLOAD, &first).await["errcode"], 0);
    let order = it.order().await;
    assert_eq!(
        (&order["order_state"], &order["merchant_trade_no"]),
        (&json!(2), &json!(it.number))
    );
    assert_eq!(order["shipping"]["shipping_list"][0]["tracking_no"], "A1");
    assert_eq!(order["shipping"]["finish_shipping_count"], 1);
    // The same with a time that is not later, and with one that is.
    assert_eq!(it.call(UPLOAD, &first).await["errcode"], 10_060_014);
    assert_eq!(it.call(UPLOAD, &it.upload()).await["errcode"], 10_060_023);
    assert_eq!(
        it.upload_with("/shipping_list/0/tracking_no", json!("A2")).await,
        0
    );
    assert_eq!(it.order().await["shipping"]["finish_shipping_count"], 2);
    assert_eq!(
        it.upload_with("/shipping_list/0/tracking_no", json!("A3")).await,
        10_060_003
    );
    assert_eq!(it.truth().await["parcels"][0]["tracking_no"], "A2");
}

#[tokio::test]
async fn parcels_add_up_until_the_last() {
    let it = Shipped::new().await;
    let part = |number: &str, is_last: bool| {
        let mut body = it.upload();
        body["delivery_mode"] = json!(2);
        body["is_all_delivered"] = json!(is_last);
        body["shipping_list"][0]["tracking_no"] = json!(number);
        body
    };
    for (number, is_last, state) in [("A1", false, 1), ("A2", false, 1), ("A3", true, 2)] {
        assert_eq!(it.call(UPLOAD, &part(number, is_last)).await["errcode"], 0);
        assert_eq!(it.state().await, state, "{number}");
    }
    assert_eq!(it.truth().await["parcels"].as_array().unwrap().len(), 3);
    assert_eq!(it.truth().await["is_again_used"], false);
    assert_eq!(it.call(UPLOAD, &part("B1", false)).await["errcode"], 0);
    assert_eq!(it.truth().await["is_again_used"], true);
    assert_eq!(it.state().await, 1);
    assert_eq!(it.call(UPLOAD, &part("B2", true)).await["errcode"], 0);
    assert_eq!(it.call(UPLOAD, &part("B3", true)).await["errcode"], 10_060_003);
}

#[tokio::test]
async fn receipts_are_confirmed_and_money_comes_free() {
    for (kind, days) in [(1, 10), (2, 2), (3, 2), (4, 2)] {
        let it = Shipped::new().await;
        assert_eq!(it.upload_with("/logistics_type", json!(kind)).await, 0);
        it.stage.advance(days * 86_400 - 60).await;
        assert_eq!(it.state().await, 2, "{kind}");
        it.stage.advance(120).await;
        assert_eq!(it.state().await, 6, "{kind}");
        assert_eq!(
            it.upload_with("/logistics_type", json!(5 - kind)).await,
            10_060_004
        );
        it.stage.advance(3_600).await;
        assert_eq!(it.state().await, 4, "{kind}");
    }
    let it = Shipped::new().await;
    let confirm = "/simulator/shipments/SHIP0001/confirm";
    assert_eq!(it.stage.send("POST", confirm, &json!({})).await.status, 409);
    assert_eq!(it.call(UPLOAD, &it.upload()).await["errcode"], 0);
    assert_eq!(it.stage.post(confirm, json!({})).await["order_state"], 3);
    it.stage.advance(3_600).await;
    assert_eq!(it.state().await, 4);
    let unknown = "/simulator/shipments/SHIP0002/confirm";
    assert_eq!(it.stage.send("POST", unknown, &json!({})).await.status, 404);
}

#[tokio::test]
async fn what_went_back_cannot_be_shipped() {
    let it = Shipped::new().await;
    let refund = json!({"transaction_id": it.transaction_id, "out_refund_no": "R1",
        "amount": {"refund": 100, "total": 100, "currency": "CNY"}});
    assert_eq!(
        it.stage
            .pay_post("/v3/refund/domestic/refunds", &refund)
            .await
            .status,
        200
    );
    assert_eq!(it.state().await, 1);
    it.stage
        .post("/simulator/refunds/R1", json!({"status": "SUCCESS"}))
        .await;
    assert_eq!(it.state().await, 5);
    assert_eq!(it.call(UPLOAD, &it.upload()).await["errcode"], 10_060_004);
}

#[tokio::test]
async fn a_payment_gets_about_after_a_while_and_to_its_own_mini_program() {
    let it = Shipped::new().await;
    let mut rules = it.stage.get("/simulator/rules").await.json();
    rules["shipping_order_known_after_s"] = json!(60);
    assert_eq!(it.stage.send("PUT", "/simulator/rules", &rules).await.status, 200);
    assert_eq!(it.call(UPLOAD, &it.upload()).await["errcode"], 10_060_001);
    let names = json!({"merchant_id": MCH_ID, "merchant_trade_no": it.number});
    assert_eq!(it.call("get_order", &names).await["errcode"], 10_060_001);
    it.stage.advance(60).await;
    assert_eq!(
        it.call("get_order", &names).await["order"]["transaction_id"],
        it.transaction_id
    );
    assert_eq!(it.call("get_order", &json!({})).await["errcode"], 10_060_014);
    let body =
        json!({"grant_type": "client_credential", "appid": OTHER_APP, "secret": crate::harness::SECRET});
    let token = it.stage.send("POST", "/cgi-bin/stable_token", &body).await.json()["access_token"].clone();
    let path = format!(
        "/wxa/sec/order/get_order?access_token={}",
        token.as_str().unwrap()
    );
    assert_eq!(it.stage.post(&path, names).await["errcode"], 10_060_001);
}

#[tokio::test]
async fn orders_are_listed_by_what_is_asked() {
    let it = Shipped::new().await;
    let listed = async |body: Value| {
        let page = it.call("get_order_list", &body).await;
        let count = page["order_list"].as_array().map(Vec::len);
        (count, page["has_more"].clone(), page["last_index"].clone())
    };
    let one = (Some(1), json!(false), json!("1"));
    let none = |last: &str| (Some(0), json!(false), json!(last));
    assert_eq!(listed(json!({})).await, one);
    assert_eq!(
        listed(json!({"order_state": 1, "openid": it.openid, "page_size": 1})).await,
        one
    );
    for body in [
        json!({"order_state": 2}),
        json!({"openid": "x"}),
        json!({"pay_time_range": {"end_time": 1}}),
    ] {
        assert_eq!(listed(body).await, none("0"));
    }
    assert_eq!(listed(json!({"last_index": "1"})).await, none("1"));
    it.stage.paid_order("SHIP0002").await;
    assert_eq!(
        listed(json!({"page_size": 1})).await,
        (Some(1), json!(true), json!("1"))
    );
    assert_eq!(
        it.call("get_order_list", &json!({"page_size": 101})).await["errcode"],
        10_060_014
    );
}

#[tokio::test]
async fn the_buyer_is_reminded_once_of_what_a_carrier_brought() {
    let it = Shipped::new().await;
    let remind = async |time: i64| {
        let body = json!({"transaction_id": it.transaction_id, "received_time": time});
        it.call("notify_confirm_receive", &body).await["errcode"].clone()
    };
    let now = it.stage.now().await;
    assert_eq!(remind(now + 60).await, 10_060_028);
    assert_eq!(it.call(UPLOAD, &it.upload()).await["errcode"], 0);
    assert_eq!(remind(now - 60).await, 10_060_029);
    assert_eq!(remind(now + 60).await, 0);
    assert_eq!(remind(now + 60).await, 10_060_030);
    assert_eq!(it.upload_with("/logistics_type", json!(4)).await, 0);
    assert_eq!(remind(now + 60).await, 10_060_032);
}

#[tokio::test]
async fn a_mini_program_is_managed_when_it_is_said_so() {
    let it = Shipped::new().await;
    let asked = async |app_id: &str| {
        let own = it.call("is_trade_managed", &json!({"appid": app_id})).await;
        let path = "is_trade_management_confirmation_completed";
        let completed = it.call(path, &json!({"appid": app_id})).await;
        (
            own["is_trade_managed"].clone(),
            completed["completed"].clone(),
            own["errcode"].clone(),
        )
    };
    assert_eq!(asked(APP).await, (json!(false), json!(false), json!(0)));
    for is_managed in [true, false] {
        let body = json!({"app_id": APP, "is_managed": is_managed});
        let path = "/simulator/shipping-management";
        assert_eq!(it.stage.send("PUT", path, &body).await.json(), body);
        assert_eq!(asked(APP).await, (json!(is_managed), json!(is_managed), json!(0)));
    }
    assert_eq!(asked(OTHER_APP).await.2, json!(40013));
    let nobody = json!({"app_id": "wx0", "is_managed": true});
    assert_eq!(
        it.stage
            .send("PUT", "/simulator/shipping-management", &nobody)
            .await
            .status,
        404
    );
}
