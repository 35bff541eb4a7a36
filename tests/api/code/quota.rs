//! How many new codes a user may have made.

use futures_util::future::join_all;
use serde_json::{Value, json};

use super::shown;
use crate::harness::{Shop, shop};

fn scene(number: usize) -> Value {
    json!({"scene": format!("n={number}"), "width": 280})
}

/// All users have had so many.
async fn plant_used(shop: &Shop, used: i32) {
    sqlx::query("update wxacode_allowances set used = $1")
        .bind(used)
        .execute(&shop.db)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_user_has_a_hundred_new_codes_a_day_and_all_that_are_there() {
    shop(async |shop| {
        let (alice, bob) = (shop.visitor().await, shop.visitor().await);
        shown(&alice.code_image(&scene(0)).await);
        plant_used(shop, 98).await;
        // Never more than there are left, also at the same moment.
        let bodies: Vec<Value> = (1..9).map(scene).collect();
        let answers = join_all(bodies.iter().map(|body| alice.code_image(body))).await;
        let made = answers.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(made, 2);
        for refused in answers.iter().filter(|answer| answer.status != 200) {
            let problem = refused.refused(429, "wxacode_quota_reached");
            assert_eq!(problem["detail"], "At most 100 new codes a day for each user.");
            let wait: i64 = refused.header("retry-after").unwrap().parse().unwrap();
            assert!((86_390..=86_401).contains(&wait), "{wait}");
        }
        assert_eq!(shop.codes_made().await, 3);
        // What is there is shown, and another person, or a service, has more made.
        shown(&alice.code_image(&scene(0)).await);
        shown(&bob.code_image(&scene(10)).await);
        shown(&alice.code_image(&scene(10)).await);
        shown(&shop.code_as_service(&scene(11)).await);
        shown(&alice.code_image(&scene(11)).await);
        alice
            .code_image(&scene(12))
            .await
            .refused(429, "wxacode_quota_reached");
        shop.advance(24 * 3_600).await;
        shown(&alice.code_image(&scene(12)).await);
        assert_eq!(
            shop.count("select used::bigint from wxacode_allowances order by since desc limit 1")
                .await,
            1
        );
    })
    .await;
}

#[tokio::test]
async fn the_bound_of_one_user_is_not_told_to_another() {
    shop(async |shop| {
        let (alice, bob) = (shop.visitor().await, shop.visitor().await);
        shown(&alice.code_image(&scene(0)).await);
        plant_used(shop, 100).await;
        for number in 1..5 {
            let body = scene(number);
            // Whoever of them comes first: bob gets his image.
            let answers = join_all([
                alice.code_image(&body),
                bob.code_image(&body),
                alice.code_image(&body),
                bob.code_image(&body),
            ])
            .await;
            shown(&answers[1]);
            shown(&answers[3]);
            for answer in [&answers[0], &answers[2]] {
                assert!(answer.status == 200 || answer.code() == "wxacode_quota_reached");
            }
        }
        assert_eq!(shop.codes_made().await, 5);
    })
    .await;
}

#[tokio::test]
async fn what_wechat_refuses_counts_as_well() {
    shop(async |shop| {
        let alice = shop.visitor().await;
        shop.control("PUT", "/simulator/pages", &json!({"pages": ["pages/a"]}))
            .await;
        for _ in 0..3 {
            let missing = json!({"scene": "a", "page": "pages/missing"});
            alice.code_image(&missing).await.refused(422, "page_unknown");
        }
        assert_eq!(shop.count("select used::bigint from wxacode_allowances").await, 3);
        assert_eq!(shop.codes_made().await, 3);
    })
    .await;
}
