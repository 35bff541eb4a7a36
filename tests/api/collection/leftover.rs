//! What a server leaves that dies in the middle of a change.

use serde_json::json;

use super::{add, count, open, try_declare};
use crate::harness::{Shop, shop};

async fn run(shop: &Shop, sql: &'static str) {
    sqlx::raw_sql(sql).execute(&shop.db).await.unwrap();
}

/// Indexes of ours that there are.
const INDEXES: &str =
    "select count(*) from pg_indexes where indexname ~ '^documents_[0-9]+_[0-9]+_(key|idx)$'";

#[tokio::test]
async fn an_index_that_was_never_finished_is_removed() {
    shop(async |shop| {
        open(shop, "people").await;
        let phone = shop.visitor().await;
        add(&phone, "people", json!({"n": 1})).await;
        add(&phone, "people", json!({"n": 1})).await;
        // The row was written, and the index begun: it is there, and not valid.
        run(shop, "insert into collection_indexes values (1, 1, true, '{n}', 'building')").await;
        let build = "create unique index concurrently documents_1_1_key on documents_1 (document_key(data #> '{n}'))";
        sqlx::raw_sql(build).execute(&shop.db).await.unwrap_err();
        assert_eq!(shop.count(INDEXES).await, 1);
        shop.run_workers().await;
        assert_eq!(shop.count(INDEXES).await, 0);
        assert_eq!(shop.count("select count(*) from collection_indexes").await, 0);
        assert_eq!(count(&phone, "people", json!({"n": 1})).await, 2);

        // The next change finds it as well as the loop does.
        run(shop, "insert into collection_indexes values (1, 2, false, '{n}', 'building'), (1, 3, false, '{m}', 'dropping')").await;
        run(shop, "update collections set next_number = 4").await;
        run(shop, "create index documents_1_3_idx on documents_1 (document_key(data #> '{m}'), id)").await;
        let wanted = json!({"permission": "all_read_owner_write", "indexes": [["n"]]});
        try_declare(shop, "people", &wanted).await.ok(200);
        assert_eq!(shop.count(INDEXES).await, 1);
        assert_eq!(shop.count("select count(*) from collection_indexes where state = 'ready' and number = 4").await, 1);
    })
    .await;
}

#[tokio::test]
async fn a_collection_that_was_removed_half_way_goes_in_the_end() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        for name in ["marked", "detached", "dropped"] {
            open(shop, name).await;
            add(&phone, name, json!({})).await;
        }
        run(shop, "update collections set removed_at = now()").await;
        run(shop, "alter table documents detach partition documents_2").await;
        run(
            shop,
            "alter table documents detach partition documents_3; drop table documents_3",
        )
        .await;
        // The names are free at once.
        for name in ["marked", "detached", "dropped"] {
            open(shop, name).await;
            assert_eq!(count(&phone, name, json!({})).await, 0);
        }
        shop.run_workers().await;
        assert_eq!(shop.count("select count(*) from collections").await, 3);
        assert_eq!(shop.count("select count(*) from document_counts").await, 0);
        let partitions = "select count(*) from pg_class where relname ~ '^documents_[0-9]+$'";
        assert_eq!(shop.count(partitions).await, 3);
    })
    .await;
}
