//! Checks of texts for the owner's other services: each decision, each refusal, and what is not even sent.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{APP, Answer, HandPlayed, OTHER_APP, Phone, Setup, Shop, shop, shop_with};

const PATH: &str = "/internal/content-checks";

impl Phone<'_> {
    /// What WeChat calls the person in a mini program.
    pub(crate) async fn openid_in(&self, app_id: &str) -> String {
        let people = self.shop.list("/simulator/users").await;
        let person = people
            .iter()
            .find(|person| person["user_id"] == self.user_id.as_str());
        person.unwrap()["openids"][app_id].as_str().unwrap().to_owned()
    }
}

impl Shop {
    pub(crate) async fn check_content(&self, body: &Value) -> Answer {
        self.internal("POST", PATH, Some(body)).await
    }
}

async fn check(phone: &Phone<'_>, content: &str) -> Answer {
    let body = json!({"openid": phone.openid_in(APP).await, "kind": "text", "content": content});
    phone.shop.check_content(&body).await
}

#[tokio::test]
async fn each_finding_is_a_decision_with_its_reason() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        let long = format!("{}赌博", "茶".repeat(2_498));
        for (content, decision, label, reason) in [
            ("good tea", "pass", 100, "normal"),
            (
                "好茶🍵 <script> \u{202e}'; drop table users",
                "pass",
                100,
                "normal",
            ),
            ("加我微信", "review", 10_001, "advertising"),
            ("颠覆", "reject", 20_001, "politics"),
            ("裸聊", "reject", 20_002, "pornography"),
            ("蠢货", "review", 20_003, "abuse"),
            ("赌博", "reject", 20_006, "crime"),
            ("刷单", "reject", 20_008, "fraud"),
            ("下流", "review", 20_012, "vulgar"),
            ("盗版", "review", 20_013, "copyright"),
            ("违规", "reject", 21_000, "other"),
            (long.as_str(), "reject", 20_006, "crime"),
        ] {
            let found = check(&phone, content).await.ok(200);
            assert_eq!(
                (&found["decision"], &found["label"], &found["reason"]),
                (&json!(decision), &json!(label), &json!(reason)),
                "{content}"
            );
            assert_eq!(found["status"], "decided");
            assert!(!found["trace_id"].as_str().unwrap().is_empty());
            assert_eq!(found.get("id"), None);
        }
    })
    .await;
}

#[tokio::test]
async fn whose_text_it_is_may_be_said_by_either_name() {
    shop_with(Setup::default().two_apps(), async |shop| {
        let mut phone = shop.phone().await;
        let user_id = phone.login_to(OTHER_APP).await["user"]["id"].clone();
        let text =
            json!({"app_id": OTHER_APP, "user_id": user_id, "kind": "text", "content": "idiot", "scene": 3});
        let answer = shop.check_content(&text).await;
        assert_eq!(answer.ok(200)["decision"], "review");
        let line = shop.audit_line(&answer);
        assert_eq!(
            (&line["action"], &line["app.id"], &line["outcome"]),
            (&json!("check_content"), &json!(OTHER_APP), &json!("ok"))
        );
        // By the other mini program it is nobody.
        for body in [
            json!({"user_id": user_id, "kind": "text", "content": "tea"}),
            json!({"user_id": "0190a5a0-0000-7000-8000-000000000001", "kind": "text", "content": "tea"}),
        ] {
            let problem = shop.check_content(&body).await.refused(422, "validation_failed");
            assert_eq!(problem["errors"][0]["pointer"], "/user_id");
        }
        assert_eq!(shop.calls("text_check").await.len(), 1);
        let body = json!({"openid": phone.openid_in(OTHER_APP).await, "kind": "text", "content": "tea"});
        let problem = shop.check_content(&body).await.refused(422, "openid_unknown");
        assert_eq!(problem["wechat_errcode"], 43_104);
        let body = json!({"openid": "oNobody", "kind": "text", "content": "tea"});
        let problem = shop.check_content(&body).await.refused(422, "openid_unknown");
        assert_eq!(problem["wechat_errcode"], 40_003);
    })
    .await;
}

#[tokio::test]
async fn single_findings_count_only_where_the_strategy_worked() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        let found = check(&phone, "a halfblind look").await.ok(200);
        assert_eq!((&found["decision"], found.get("findings")), (&json!("pass"), None));
        let found = check(&phone, "a halfblind look at gamble and idiot").await.ok(200);
        assert_eq!(
            found["findings"],
            json!([
                {"strategy": "keyword", "decision": "review", "label": 20_003, "reason": "abuse", "keyword": "idiot"},
                {"strategy": "keyword", "decision": "reject", "label": 20_006, "reason": "crime", "keyword": "gamble"},
            ])
        );
        assert_eq!(found["decision"], "reject");
    })
    .await;
}

#[tokio::test]
async fn a_profile_may_have_more_than_its_text() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        let openid = phone.openid_in(APP).await;
        for name in ["title", "nickname", "signature"] {
            let mut body = json!({"openid": openid, "kind": "text", "content": "tea", "scene": 1});
            assert_eq!(shop.check_content(&body).await.ok(200)["decision"], "pass");
            body[name] = json!("赌博");
            assert_eq!(
                shop.check_content(&body).await.ok(200)["decision"],
                "reject",
                "{name}"
            );
            for scene in [json!(2), Value::Null] {
                body["scene"] = scene;
                let problem = shop.check_content(&body).await.refused(422, "validation_failed");
                assert_eq!(problem["errors"][0]["pointer"], format!("/{name}"));
            }
        }
    })
    .await;
}

#[tokio::test]
async fn somebody_who_was_away_for_two_hours_has_to_come_back() {
    shop(async |shop| {
        let mut phone = shop.visitor().await;
        check(&phone, "tea").await.ok(200);
        shop.advance(7_199).await;
        check(&phone, "tea").await.ok(200);
        shop.advance(1).await;
        let problem = check(&phone, "tea").await.refused(409, "user_inactive");
        assert_eq!(problem["wechat_errcode"], 61_010);
        phone.login().await;
        check(&phone, "tea").await.ok(200);
    })
    .await;
}

#[tokio::test]
async fn every_refusal_has_a_name_and_none_is_a_pass() {
    shop(async |shop| {
        shop.announce("wechat_rejected");
        shop.announce("wechat_unavailable");
        let phone = shop.visitor().await;
        for (errcode, status, code, wait_s) in [
            (40_003, 422, "openid_unknown", None),
            (43_104, 422, "openid_unknown", None),
            (61_010, 409, "user_inactive", None),
            (44_991, 429, "rate_limited", Some("60")),
            (87_020, 429, "rate_limited", Some("60")),
            (45_011, 429, "rate_limited", Some("60")),
            (45_009, 429, "rate_limited", Some("3600")),
            (-1, 503, "wechat_unavailable", Some("1")),
            (40_129, 502, "wechat_rejected", None),
            (43_002, 502, "wechat_rejected", None),
            (44_002, 502, "wechat_rejected", None),
            (47_001, 502, "wechat_rejected", None),
            (48_001, 502, "wechat_rejected", None),
        ] {
            shop.faults(json!([{"kind": "errcode", "api": "text_check", "errcode": errcode}])).await;
            let answer = check(&phone, "tea").await;
            let problem = answer.refused(status, code);
            assert_eq!(problem["wechat_errcode"], errcode);
            assert_eq!(answer.header("retry-after"), wait_s, "{errcode}");
        }
        // The refusal of old is no failure of the call: it is what was found.
        shop.faults(json!([{"kind": "errcode", "api": "text_check", "errcode": 87_014}])).await;
        let found = check(&phone, "tea").await.ok(200);
        assert_eq!(
            found,
            json!({"status": "decided", "decision": "reject", "label": null, "reason": "unspecified", "trace_id": null})
        );
    })
    .await;
}

#[tokio::test]
async fn an_answer_without_a_result_is_no_pass() {
    let wechat = HandPlayed::start().await;
    let setup = Setup::default().with("WECHAT_API_BASE_URL", wechat.url());
    shop_with(setup, async |shop| {
        let text = json!({"openid": "oAlice", "kind": "text", "content": "tea"});
        let (answer, ()) = tokio::join!(shop.check_content(&text), async {
            let token = wechat.call().await;
            token.answer(200, r#"{"access_token":"a-token-of-the-play","expires_in":7200}"#).await;
            let call = wechat.call().await;
            assert_eq!(call.target, "/wxa/msg_sec_check?access_token=a-token-of-the-play");
            call.answer(200, r#"{"errcode":0,"errmsg":"ok"}"#).await;
        });
        answer.refused(503, "wechat_unavailable");
        for said in [
            r#"{"errcode":0,"trace_id":"t"}"#,
            r#"{"errcode":0,"trace_id":"t","result":{}}"#,
            r#"{"errcode":0,"trace_id":"t","result":null}"#,
            r#"{"errcode":0,"trace_id":"","result":{"suggest":"pass","label":100}}"#,
            r#"{"errcode":0,"result":{"suggest":"pass","label":100}}"#,
        ] {
            let (answer, ()) = tokio::join!(shop.check_content(&text), async {
                wechat.call().await.answer(200, said).await;
            });
            answer.refused(503, "wechat_unavailable");
        }
        for (suggest, decision) in [("pass", "pass"), ("PASS", "review"), ("", "review"), ("block", "review")] {
            let said = json!({"errcode": 0, "trace_id": "t", "result": {"suggest": suggest, "label": 7}, "detail": [7, {}]});
            let (answer, ()) = tokio::join!(shop.check_content(&text), async {
                wechat.call().await.answer(200, &said.to_string()).await;
            });
            let found = answer.ok(200);
            assert_eq!((&found["decision"], &found["reason"]), (&json!(decision), &json!("unlisted")));
            assert_eq!(found.get("findings"), None);
        }
    })
    .await;
}

#[tokio::test]
async fn a_dead_token_is_replaced_and_a_wechat_that_is_away_is_said() {
    shop_with(Setup::default().patience(Duration::from_secs(3)), async |shop| {
        let phone = shop.visitor().await;
        check(&phone, "tea").await.ok(200);
        shop.faults(json!([{"kind": "token_storm", "api": "text_check", "times": 1}]))
            .await;
        assert_eq!(check(&phone, "gamble").await.ok(200)["decision"], "reject");
        for (fault, status, code) in [
            (json!({"kind": "server_error"}), 503, "wechat_unavailable"),
            (
                json!({"kind": "no_answer_before_accepting"}),
                503,
                "wechat_unavailable",
            ),
            (json!({"kind": "delay", "ms": 60_000}), 504, "wechat_timeout"),
        ] {
            let mut fault = fault;
            fault["api"] = json!("text_check");
            shop.faults(json!([fault])).await;
            check(&phone, "tea").await.refused(status, code);
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_not_acceptable_is_not_sent() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        let openid = phone.openid_in(APP).await;
        let id = "0190a5a0-0000-7000-8000-000000000001";
        let tea = |more: Value| {
            let mut body = json!({"openid": openid, "kind": "text", "content": "tea"});
            body.as_object_mut()
                .unwrap()
                .extend(more.as_object().unwrap().clone());
            body
        };
        for (body, pointer) in [
            (json!({"kind": "text", "content": "tea"}), "/user_id"),
            (tea(json!({"user_id": id})), "/openid"),
            (
                json!({"user_id": "1", "kind": "text", "content": "tea"}),
                "/user_id",
            ),
            (
                json!({"user_id": id.replace('-', ""), "kind": "text", "content": "tea"}),
                "/user_id",
            ),
            (tea(json!({"openid": ""})), "/openid"),
            (tea(json!({"openid": "o b"})), "/openid"),
            (tea(json!({"openid": "o".repeat(129)})), "/openid"),
            (tea(json!({"app_id": "wx9"})), "/app_id"),
            (tea(json!({"app_id": "a b"})), "/app_id"),
            (tea(json!({"kind": "video"})), "/kind"),
            (json!({"openid": openid, "content": "tea"}), "/kind"),
            (json!({"openid": openid, "kind": "text"}), "/content"),
            (tea(json!({"content": ""})), "/content"),
            (tea(json!({"content": " \u{3000}\n"})), "/content"),
            (tea(json!({"content": "茶".repeat(2_501)})), "/content"),
            (tea(json!({"content": "a\0b"})), "/content"),
            (tea(json!({"content": 7})), "/content"),
            (
                tea(json!({"media_url": "https://shop.example/a.png"})),
                "/media_url",
            ),
            (tea(json!({"scene": 0})), "/scene"),
            (tea(json!({"scene": 5})), "/scene"),
            (tea(json!({"scene": 1, "title": "x".repeat(501)})), "/title"),
            (tea(json!({"force": true})), "/force"),
        ] {
            let problem = shop.check_content(&body).await.refused(422, "validation_failed");
            assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}");
        }
        assert_eq!(shop.calls("text_check").await.len(), 0);
        // The longest there may be, each character escaped by the sender.
        let escaped = "\\ud83c\\udf75".repeat(2_500);
        let body = format!(r#"{{"openid":"{openid}","kind":"text","content":"{escaped}"}}"#);
        let request = shop.request("POST", PATH, Some(crate::harness::INTERNAL_TOKEN), None);
        let request = request.header("content-type", "application/json").body(body);
        assert_eq!(
            Answer::of(request.send().await.unwrap()).await.ok(200)["decision"],
            "pass"
        );
    })
    .await;
}
