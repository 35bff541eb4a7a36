//! Messages when something happens to an order: one for each event and template, whatever dies in between.

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::harness::{APP, OTHER_APP, Phone, Server, Setup, Shop, TEMPLATE, held, shop, shop_with, until};

/// A person who allows some messages and pays an order that nobody has told of yet.
async fn payer(shop: &Shop, allowed: u32) -> (Phone<'_>, String) {
    shop.declare_template().await;
    shop.stock("tea", 1_205, None).await;
    let phone = shop.visitor().await;
    phone.allow(allowed).await;
    let order = phone.buy("tea", 1).await;
    phone.pay(&order).await;
    (phone, order)
}

#[tokio::test]
async fn a_paid_order_is_told_to_its_buyer_once_though_the_notice_came_twenty_times() {
    shop_with(Setup::default().replicas(2).paid_message(), async |shop| {
        let (phone, order) = payer(shop, 3).await;
        let number = shop.number(&order).await;
        let notice = shop.message(json!({ "out_trade_no": number })).await;
        for answer in join_all((0..20).map(|at| shop.post_at(at % 2, &notice))).await {
            assert_eq!(answer.status, 204);
        }
        assert_eq!(shop.message_states().await, ["pending"]);
        // Both servers look at once.
        tokio::join!(shop.run_workers_of(0), shop.run_workers_of(1));
        shop.run_workers().await;
        let inbox = shop.inbox().await;
        assert_eq!(inbox.len(), 1);
        assert_eq!(
            inbox[0]["data"],
            json!({"thing1": "Tea tea", "amount2": "¥12.05"})
        );
        assert_eq!(inbox[0]["page"], format!("pages/order?id={order}"));
        assert_eq!(inbox[0]["user_id"], phone.user_id.as_str());
        assert_eq!(phone.left().await, Some(2));
        phone.sync(&order).await;
        shop.advance(86_400).await;
        shop.run_workers().await;
        assert_eq!(shop.inbox().await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn the_message_is_written_with_the_event_however_the_money_is_learned_of() {
    shop_with(Setup::default().paid_message(), async |shop| {
        // By our own question.
        let (_, order) = payer(shop, 1).await;
        shop.advance(5).await;
        shop.run_workers().await;
        assert_eq!(shop.events(&order).await.len(), 1);
        assert_eq!(
            (shop.inbox().await.len(), shop.message_states().await),
            (1, vec!["sent".to_owned()])
        );
        let orphans = "select count(*) from events e where e.kind = 'order.paid'
            and not exists (select from subscribe_messages m where m.event_id = e.id)";
        assert_eq!(shop.count(orphans).await, 0);
    })
    .await;
}

#[tokio::test]
async fn without_templates_nothing_is_written_and_nothing_sent() {
    shop(async |shop| {
        payer(shop, 1).await;
        shop.deliver().await;
        shop.run_workers().await;
        assert_eq!(
            (shop.inbox().await.len(), shop.message_states().await.len()),
            (0, 0)
        );
    })
    .await;
}

#[tokio::test]
async fn other_events_and_mini_programs_have_templates_of_their_own() {
    let text = format!(
        "[[template]]\nevent = \"order.refunded\"\ntemplate_id = \"{TEMPLATE}\"\ndata = {{ thing1 = \"Returned\", amount2 = \"¥{{refunded_yuan}}\" }}\n\
         [[template]]\nevent = \"order.closed\"\ntemplate_id = \"{TEMPLATE}\"\ndata = {{ thing1 = \"Closed\", amount2 = \"¥{{total_yuan}}\" }}\n\
         [[template]]\nevent = \"order.paid\"\napp_id = \"{OTHER_APP}\"\ntemplate_id = \"{TEMPLATE}\"\ndata = {{ thing1 = \"Elsewhere\", amount2 = \"1\" }}\n"
    );
    shop_with(Setup::default().two_apps().order_messages(&text), async |shop| {
        let (phone, order) = payer(shop, 2).await;
        shop.deliver().await;
        shop.run_workers().await;
        assert_eq!(
            shop.inbox().await.len(),
            0,
            "the template is another mini program's"
        );
        let closed = phone.buy("tea", 2).await;
        phone.close(&closed).await.ok(200);
        let refund = shop.refund(&order, 1_205).await;
        shop.run_workers().await;
        shop.end_refund(&refund, "SUCCESS").await;
        shop.deliver().await;
        shop.run_workers().await;
        let said: Vec<String> = shop
            .inbox()
            .await
            .iter()
            .map(|message| message["data"]["thing1"].as_str().unwrap().to_owned())
            .collect();
        assert_eq!(said, ["Closed", "Returned"]);
        assert_eq!(shop.inbox().await[1]["data"]["amount2"], "¥12.05");
    })
    .await;
}

#[tokio::test]
async fn what_passes_is_tried_again_and_what_does_not_ends() {
    shop_with(Setup::default().paid_message(), async |shop| {
        let (phone, _) = payer(shop, 1).await;
        shop.faults(json!([{"kind": "errcode", "api": "subscribe_send", "errcode": -1}]))
            .await;
        shop.deliver().await;
        shop.run_workers().await;
        shop.run_workers().await;
        assert_eq!(
            (
                shop.calls("subscribe_send").await.len(),
                shop.message_states().await
            ),
            (1, vec!["pending".to_owned()])
        );
        shop.faults(json!([])).await;
        shop.advance(4).await;
        shop.run_workers().await;
        assert_eq!(shop.inbox().await.len(), 0, "too early");
        shop.advance(2).await;
        shop.run_workers().await;
        assert_eq!((shop.inbox().await.len(), phone.left().await), (1, Some(0)));
        // The person wants no more: that ends quietly.
        let order = phone.buy("tea", 1).await;
        phone.pay(&order).await;
        shop.deliver().await;
        shop.run_workers().await;
        shop.advance(86_400).await;
        shop.run_workers().await;
        assert_eq!(shop.message_states().await, ["sent", "refused"]);
        assert_eq!(shop.calls("subscribe_send").await.len(), 3);
    })
    .await;
}

#[tokio::test]
async fn a_message_is_given_up_after_a_stated_number_of_tries() {
    shop_with(Setup::default().paid_message(), async |shop| {
        let (_, order) = payer(shop, 1).await;
        shop.faults(json!([{"kind": "errcode", "api": "subscribe_send", "errcode": -1}]))
            .await;
        shop.deliver().await;
        for _ in 0..12 {
            shop.run_workers().await;
            shop.advance(25_000).await;
        }
        assert_eq!(
            (
                shop.calls("subscribe_send").await.len(),
                shop.message_states().await
            ),
            (8, vec!["given_up".to_owned()])
        );
        let line = given_up(shop, &order);
        assert_eq!(line["errcode"], -1);
        let refused = shop.lines_with("WeChat refuses the call");
        assert!(refused.iter().any(|line| line["app.id"] == APP));
    })
    .await;
}

/// The line that says that a message about an order is given up.
fn given_up(shop: &Shop, order: &str) -> Value {
    let lines = shop.lines_with("a subscribe message about an order is given up");
    let mut own = lines.into_iter().filter(|line| line["order.id"] == order);
    let line = own.next().unwrap();
    assert!(own.next().is_none());
    for (name, value) in [
        ("level", "WARN"),
        ("app.id", APP),
        ("template.id", TEMPLATE),
        ("event.kind", "order.paid"),
    ] {
        assert_eq!(line[name], value, "{name}");
    }
    line
}

#[tokio::test]
async fn a_last_try_whose_sender_died_is_given_up_aloud() {
    shop_with(Setup::default().paid_message(), async |shop| {
        let (_, order) = payer(shop, 1).await;
        shop.deliver().await;
        // As a process leaves it that was killed in its last try.
        let crash = "update subscribe_messages set state = 'sending', attempts = 8, due_at = null,
            lease_token = gen_random_uuid(), lease_until = updated_at + interval '1 minute'";
        sqlx::query(crash).execute(&shop.db).await.unwrap();
        let counted = r#"weir_subscribe_messages_total{state="given_up"}"#;
        let before = shop.metric(counted).await;
        shop.advance(61).await;
        shop.run_workers().await;
        assert_eq!(shop.message_states().await, ["given_up"]);
        given_up(shop, &order);
        assert!(shop.metric(counted).await > before);
        assert_eq!(shop.calls("subscribe_send").await.len(), 0);
    })
    .await;
}

#[tokio::test]
async fn an_answer_that_is_lost_costs_no_second_message_to_who_allowed_one() {
    shop_with(Setup::default().paid_message(), async |shop| {
        let (phone, _) = payer(shop, 1).await;
        shop.faults(json!([{"kind": "no_answer_after_accepting", "api": "subscribe_send", "times": 1}]))
            .await;
        shop.deliver().await;
        shop.run_workers().await;
        assert_eq!(
            (shop.inbox().await.len(), shop.message_states().await),
            (1, vec!["pending".to_owned()])
        );
        // Nobody knows, so it is tried again, and WeChat has nothing left that the person has allowed.
        shop.advance(121).await;
        shop.run_workers().await;
        assert_eq!(
            (shop.calls("subscribe_send").await.len(), shop.inbox().await.len()),
            (2, 1)
        );
        assert_eq!(
            (shop.message_states().await, phone.left().await),
            (vec!["refused".to_owned()], Some(0))
        );
    })
    .await;
}

#[tokio::test]
async fn a_message_that_never_reached_wechat_is_sent_in_the_end() {
    shop_with(Setup::default().paid_message(), async |shop| {
        payer(shop, 1).await;
        shop.faults(json!([{"kind": "no_answer_before_accepting", "api": "subscribe_send", "times": 1}]))
            .await;
        shop.deliver().await;
        shop.run_workers().await;
        shop.advance(119).await;
        shop.run_workers().await;
        assert_eq!(
            shop.calls("subscribe_send").await.len(),
            1,
            "WeChat's own report is waited for"
        );
        shop.advance(2).await;
        shop.run_workers().await;
        assert_eq!(
            (shop.inbox().await.len(), shop.message_states().await),
            (1, vec!["sent".to_owned()])
        );
    })
    .await;
}

#[tokio::test]
async fn a_sender_that_is_killed_in_between_neither_loses_nor_doubles_the_message() {
    // The sender dies before WeChat took the message, or after.
    for (fault, calls) in [
        (
            json!({"kind": "no_answer_before_accepting", "api": "subscribe_send", "ms": 60_000, "times": 1}),
            2,
        ),
        (
            json!({"kind": "delay", "api": "subscribe_send", "ms": 60_000, "times": 1}),
            2,
        ),
    ] {
        let setup = Setup::default().real_time().paid_message();
        shop_with(setup.clone(), async |shop| {
            let (_, order) = payer(shop, 1).await;
            shop.faults(json!([fault])).await;
            let notice = shop
                .message(json!({ "out_trade_no": shop.number(&order).await }))
                .await;
            // A process of its own, whose loops run; its call hangs.
            let server = Server::start(shop, &shop.variables(&setup)).await;
            shop.adopt(&server);
            assert_eq!(shop.post_at(1, &notice).await.status, 204);
            shop.calls_until("subscribe_send", 1).await;
            assert!(server.kill().await);
            shop.run_workers().await;
            assert_eq!(
                shop.calls("subscribe_send").await.len(),
                1,
                "it may still be alive"
            );
            shop.advance(300).await;
            shop.run_workers().await;
            assert_eq!(
                (shop.calls("subscribe_send").await.len(), shop.inbox().await.len()),
                (calls, 1)
            );
        })
        .await;
    }
}

#[tokio::test]
async fn what_wechat_said_waits_for_a_database_that_is_away() {
    shop_with(Setup::default().paid_message(), async |shop| {
        shop.announce("unavailable");
        let (phone, _) = payer(shop, 2).await;
        shop.deliver().await;
        shop.faults(json!([held("delay", "subscribe_send")])).await;
        let away = async {
            shop.calls_until("subscribe_send", 1).await;
            shop.lose_database().await;
            shop.let_go().await;
            let waiting = "what WeChat said of a subscribe message waits for the database";
            until(async || !shop.lines_with(waiting).is_empty()).await;
            shop.find_database().await;
        };
        let (failed, ()) = tokio::join!(shop.run_workers_of(0), away);
        assert!(!failed.contains("subscribe_messages"), "{failed:?}");
        assert_eq!(shop.message_states().await, ["sent"]);
        shop.advance(86_400).await;
        shop.run_workers().await;
        assert_eq!((shop.inbox().await.len(), phone.left().await), (1, Some(1)));
    })
    .await;
}
