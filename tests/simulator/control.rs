//! The control API itself: its document, its refusals, its logs.

use serde_json::{Value, json};

use crate::harness::{SECRET, Stage};

const ROUTES: [&str; 47] = [
    "delete /simulator/calls",
    "delete /simulator/faults",
    "get /simulator/access-tokens",
    "get /simulator/calls",
    "get /simulator/clock",
    "get /simulator/events",
    "get /simulator/faults",
    "get /simulator/keys",
    "get /simulator/notifications",
    "get /simulator/push",
    "get /simulator/push/settings",
    "get /simulator/refunds",
    "get /simulator/rules",
    "get /simulator/session-keys",
    "get /simulator/shipments",
    "get /simulator/subscribe-messages",
    "get /simulator/subscribe-templates",
    "get /simulator/transactions",
    "get /simulator/users",
    "patch /simulator/push/settings/{app_id}",
    "patch /simulator/users/{user_id}",
    "post /simulator/access-tokens/displace",
    "post /simulator/cashiers/{cashier_id}",
    "post /simulator/clock",
    "post /simulator/cloud-ids",
    "post /simulator/keys",
    "post /simulator/keys/rotate",
    "post /simulator/login-codes",
    "post /simulator/notifications",
    "post /simulator/notifications/deliver",
    "post /simulator/open-data",
    "post /simulator/phone-codes",
    "post /simulator/push",
    "post /simulator/push/deliver",
    "post /simulator/refunds/{out_refund_no}",
    "post /simulator/request-payment",
    "post /simulator/scans",
    "post /simulator/shipments/{out_trade_no}/confirm",
    "post /simulator/shipping-reminders",
    "post /simulator/subscribe-popups",
    "post /simulator/subscribe-settings",
    "post /simulator/users",
    "put /simulator/faults",
    "put /simulator/pages",
    "put /simulator/rules",
    "put /simulator/shipping-management",
    "put /simulator/subscribe-templates",
];

#[tokio::test]
async fn document_names_every_route() {
    let stage = Stage::new().await;
    let document = stage.get("/simulator/openapi.json").await.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let paths = document["paths"].as_object().unwrap();
    let mut routes: Vec<String> = Vec::new();
    for (path, methods) in paths {
        routes.extend(
            methods
                .as_object()
                .unwrap()
                .keys()
                .map(|method| format!("{method} {path}")),
        );
    }
    routes.sort();
    assert_eq!(routes, ROUTES);
    let text = document.to_string();
    for (_, schema) in document["components"]["schemas"].as_object().unwrap() {
        assert!(schema.is_object());
    }
    for reference in text.split("#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(document["components"]["schemas"].get(name).is_some(), "{name}");
    }
}

#[tokio::test]
async fn bad_control_requests_are_refused_in_json() {
    let stage = Stage::new().await;
    for (method, path, body, status) in [
        ("POST", "/simulator/users", json!({ "surprise": 1 }), 400),
        (
            "POST",
            "/simulator/login-codes",
            json!({ "user_id": "nobody" }),
            404,
        ),
        (
            "POST",
            "/simulator/login-codes",
            json!({ "user_id": "nobody", "app_id": "wx0" }),
            404,
        ),
        ("PATCH", "/simulator/users/nobody", json!({}), 404),
        (
            "POST",
            "/simulator/cashiers/none",
            json!({ "action": "pay" }),
            404,
        ),
        (
            "POST",
            "/simulator/notifications",
            json!({ "out_trade_no": "none" }),
            404,
        ),
        (
            "POST",
            "/simulator/access-tokens/displace",
            json!({ "app_id": "wx0" }),
            404,
        ),
        (
            "POST",
            "/simulator/clock",
            json!({ "advance_s": 31_536_001 }),
            400,
        ),
        ("POST", "/simulator/clock", json!({ "advance_s": -1 }), 400),
        ("POST", "/simulator/keys", json!({ "mode": "none" }), 400),
        ("GET", "/simulator/events?after=x", json!({}), 400),
        ("GET", "/simulator/nothing", json!({}), 404),
    ] {
        let refused = stage.send(method, path, &body).await;
        assert_eq!(refused.status, status, "{method} {path}");
        assert!(refused.json()["code"].is_string(), "{method} {path}");
    }
}

#[tokio::test]
async fn calls_are_logged_without_query_and_secret() {
    let stage = Stage::new().await;
    let user = stage.user().await;
    let code = stage.code(&user).await;
    stage.redeem(&code).await;
    stage.redeem("nonsense").await;
    stage.prepay(&user, "order-1").await;
    stage.query("order-1").await;
    stage.query("order-2").await;
    stage.get("/cgi-bin/nothing").await;
    let calls = stage.list("/simulator/calls").await;
    let seen: Vec<Value> = calls
        .iter()
        .map(|call| json!([call["api"], call["status"], call["error"], call["out_trade_no"]]))
        .collect();
    let expected = [
        json!(["login", 200, null, null]),
        json!(["login", 200, "40029", null]),
        json!(["prepay", 200, null, "order-1"]),
        json!(["query", 200, null, "order-1"]),
        json!(["query", 404, "ORDER_NOT_EXIST", "order-2"]),
        json!([null, 200, "40066", null]),
    ];
    assert_eq!(seen, expected);
    let events = stage.get("/simulator/events").await.json();
    let text = format!("{}{events}", Value::Array(calls));
    assert!(!text.contains(SECRET) && !text.contains(&code) && !text.contains("jscode2session?"));
    assert_eq!(
        stage.send("DELETE", "/simulator/calls", &json!({})).await.status,
        204
    );
    assert!(stage.list("/simulator/calls").await.is_empty());
}

#[tokio::test]
async fn calls_that_nobody_signed_take_little_room_in_the_log() {
    let stage = Stage::new().await;
    let long = "茶".repeat(50_000);
    let body = json!({ "out_trade_no": long, "out_refund_no": long });
    for path in ["/v3/pay/transactions/jsapi", "/v3/refund/domestic/refunds"] {
        assert!((400..500).contains(&stage.send("POST", path, &body).await.status));
    }
    for path in ["/v3/", "/v3/refund/domestic/refunds/", "/"] {
        stage.get(&format!("{path}{}", "x".repeat(10_000))).await;
    }
    let calls = stage.list("/simulator/calls").await;
    assert_eq!(calls.len(), 5);
    assert_eq!(calls[1]["out_refund_no"], "茶".repeat(256));
    let events = stage.list("/simulator/events").await;
    for entry in calls.iter().chain(&events) {
        assert!(entry.to_string().len() < 4_000, "{entry}");
    }
}

#[tokio::test]
async fn events_tell_the_story_from_any_point_on() {
    let stage = Stage::new().await;
    stage.paid_order("order-1").await;
    stage.deliver().await;
    let told = stage.get("/simulator/events").await.json();
    let kinds: Vec<&str> = told["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["wechat_called", "cashier_opened", "paid", "notification"]);
    assert_eq!(told["items"][3]["data"]["status"], 204);
    let last = told["last_sequence"].as_u64().unwrap();
    let later = stage
        .get(&format!("/simulator/events?after={}", last - 1))
        .await
        .json();
    assert_eq!(later["items"].as_array().unwrap().len(), 1);
    let none = stage.get(&format!("/simulator/events?after={last}")).await.json();
    assert_eq!(none, json!({ "items": [], "last_sequence": last }));
}

#[tokio::test]
async fn clock_moves_forward_and_shows_in_the_date_header() {
    let stage = Stage::new().await;
    let before = stage.now().await;
    stage.advance(86_400).await;
    assert!((86_400..87_000).contains(&(stage.now().await - before)));
    let date = stage
        .get("/cgi-bin/token")
        .await
        .header("date")
        .unwrap()
        .to_owned();
    let date = chrono::NaiveDateTime::parse_from_str(&date, "%a, %d %b %Y %H:%M:%S GMT").unwrap();
    assert!((date.and_utc().timestamp() - before - 86_400).abs() < 600);
}

#[tokio::test]
async fn phone_page_comes_from_the_binary() {
    let stage = Stage::new().await;
    let home = stage.get("/").await;
    assert_eq!(home.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(String::from_utf8_lossy(&home.body).contains("<!doctype html>"));
    for path in ["/phone", "/phone/phone.css", "/phone/phone.js"] {
        assert_eq!(stage.get(path).await.status, 200, "{path}");
    }
    assert_eq!(stage.get("/phone/../Cargo.toml").await.status, 200);
    assert_eq!(stage.get("/phone/nothing.js").await.status, 404);
}
