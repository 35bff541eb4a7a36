//! A user's own files: the list, the end of one, and how many there may be.

use chrono::TimeDelta;
use serde_json::Value;

use crate::harness::{Shop, shop};
use crate::picture::picture;

#[tokio::test]
async fn a_user_lists_own_files_newest_first() {
    shop(async |shop| {
        let (alice, bob) = (shop.visitor().await, shop.visitor().await);
        let mut ids = Vec::new();
        for _ in 0..5 {
            ids.push(alice.keep(picture("plain.png")).await.0);
            shop.clock.advance(TimeDelta::milliseconds(1));
        }
        bob.keep(picture("plain.gif")).await;
        ids.reverse();
        let (mut listed, mut path) = (Vec::new(), "/v1/files?limit=2".to_owned());
        loop {
            let page = alice.call("GET", &path, None).await.ok(200);
            let items = page["items"].as_array().unwrap().clone();
            assert!((1..=2).contains(&items.len()));
            listed.extend(items);
            let Some(cursor) = page["next_cursor"].as_str() else {
                break;
            };
            path = format!("/v1/files?limit=2&cursor={cursor}");
        }
        let listed_ids: Vec<&str> = listed.iter().map(|file| file["id"].as_str().unwrap()).collect();
        assert_eq!(listed_ids, ids);
        let members: Vec<&String> = listed[0].as_object().unwrap().keys().collect();
        assert_eq!(members, ["bytes", "content_type", "id", "sha256", "url"]);
        for wrong in ["limit=0", "limit=101", "cursor=x", "other=1"] {
            let answer = alice.call("GET", &format!("/v1/files?{wrong}"), None).await;
            answer.refused(422, "validation_failed");
        }
    })
    .await;
}

#[tokio::test]
async fn only_its_owner_takes_a_file_away_and_it_is_gone_at_once() {
    shop(async |shop| {
        let (alice, bob) = (shop.visitor().await, shop.visitor().await);
        let (id, path) = alice.keep(picture("plain.png")).await;
        let own = format!("/v1/files/{id}");
        bob.call("DELETE", &own, None).await.refused(404, "not_found");
        shop.call("DELETE", &own, None)
            .await
            .refused(401, "unauthenticated");
        for unknown in ["00000000-0000-7000-8000-000000000000", "x"] {
            let answer = alice.call("DELETE", &format!("/v1/files/{unknown}"), None).await;
            answer.refused(404, "not_found");
        }
        assert_eq!(shop.call("GET", &path, None).await.status, 200);
        alice.call("DELETE", &own, None).await.ok(204);
        shop.call("GET", &path, None).await.refused(404, "not_found");
        alice.call("DELETE", &own, None).await.refused(404, "not_found");
        assert_eq!(
            alice.call("GET", "/v1/files", None).await.ok(200)["items"],
            Value::Array(Vec::new())
        );
    })
    .await;
}

async fn run(shop: &Shop, sql: &'static str) {
    sqlx::query(sql).execute(&shop.db).await.unwrap();
}

#[tokio::test]
async fn a_user_keeps_only_so_many_files_and_bytes() {
    shop(async |shop| {
        let (alice, bob) = (shop.visitor().await, shop.visitor().await);
        let (id, _) = alice.keep(picture("plain.png")).await;
        // As if there were 999, kept long ago; the thousandth is the last.
        run(
            shop,
            "insert into files (id, user_id, extension, bytes, sha256, width, height, shard, state, created_at, stored_at)
             select gen_random_uuid(), user_id, 'gif', 10, sha256, 1, 1, 0, 'stored', created_at - interval '1 day', stored_at
             from files, generate_series(1, 998)",
        )
        .await;
        alice.keep(picture("plain.png")).await;
        let problem = alice.upload(picture("plain.png")).await.refused(413, "file_quota_reached");
        assert_eq!(problem["detail"], "At most 1000 files for each user.");
        bob.keep(picture("plain.png")).await;
        alice.call("DELETE", &format!("/v1/files/{id}"), None).await.ok(204);
        alice.keep(picture("plain.png")).await;
        run(shop, "delete from files where extension = 'gif'").await;

        run(
            shop,
            "insert into files (id, user_id, extension, bytes, sha256, width, height, shard, state, created_at, stored_at)
             select gen_random_uuid(), max(user_id::text)::uuid, 'gif', 16777216, sha256('x'), 1, 1, 0, 'stored',
                 min(created_at) - interval '1 day', min(created_at)
             from files, generate_series(1, 32) as n
             where user_id = (select user_id from files group by user_id having count(*) > 1) group by n",
        )
        .await;
        let problem = alice.upload(picture("plain.png")).await.refused(413, "file_quota_reached");
        assert_eq!(problem["detail"], "At most 536870912 bytes for each user.");
        run(shop, "delete from files where extension = 'gif'").await;
        alice.keep(picture("plain.png")).await;
    })
    .await;
}

#[tokio::test]
async fn a_user_sends_only_so_many_files_an_hour() {
    shop(async |shop| {
        let (alice, bob) = (shop.visitor().await, shop.visitor().await);
        let (id, _) = alice.keep(picture("plain.png")).await;
        run(
            shop,
            "insert into files (id, user_id, extension, bytes, sha256, width, height, shard, state, created_at, check_at, emptied_at)
             select gen_random_uuid(), user_id, 'gif', 10, sha256, 1, 1, 0, 'removing', created_at, created_at + interval '1 day',
                 created_at
             from files, generate_series(1, 119)",
        )
        .await;
        // Those that were taken away count as well.
        alice.call("DELETE", &format!("/v1/files/{id}"), None).await.ok(204);
        shop.advance(59 * 60).await;
        let refusal = alice.upload(picture("plain.png")).await;
        refusal.refused(429, "rate_limited");
        assert_eq!(refusal.header("retry-after"), Some("61"));
        bob.keep(picture("plain.png")).await;
        shop.advance(61).await;
        alice.keep(picture("plain.png")).await;
    })
    .await;
}

#[tokio::test]
async fn uploads_at_the_same_moment_count_each_other() {
    shop(async |shop| {
        let alice = shop.visitor().await;
        alice.keep(picture("plain.png")).await;
        run(
            shop,
            "insert into files (id, user_id, extension, bytes, sha256, width, height, shard, state, created_at, check_at, emptied_at)
             select gen_random_uuid(), user_id, 'gif', 10, sha256, 1, 1, 0, 'removing', created_at, created_at + interval '1 day',
                 created_at
             from files, generate_series(1, 116)",
        )
        .await;
        let all = (0..12).map(|_| alice.upload(picture("plain.png")));
        let answers = futures_util::future::join_all(all).await;
        let kept = answers.iter().filter(|answer| answer.status == 201).count();
        assert_eq!(kept, 3);
    })
    .await;
}
