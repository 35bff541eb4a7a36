//! What a server leaves that dies in the middle of a change.

use std::collections::BTreeSet;

use futures_util::future::join;
use serde_json::json;

use super::{add, count, open, try_declare};
use crate::harness::{Shop, shop, until};

async fn run(shop: &Shop, sql: &'static str) {
    sqlx::raw_sql(sql).execute(&shop.db).await.unwrap();
}

/// Indexes of ours that there are.
const INDEXES: &str =
    "select count(*) from pg_indexes where indexname ~ '^documents_[0-9]+_[0-9]+_(key|idx)$'";

/// Partitions that there are, attached or not.
const PARTITIONS: &str = "select count(*) from pg_class where relname ~ '^documents_[0-9]+$'";

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
        assert_eq!(shop.count(PARTITIONS).await, 3);
    })
    .await;
}

#[tokio::test]
async fn a_partition_that_stays_on_its_way_out_holds_up_no_other_collection() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        for name in ["first", "second"] {
            open(shop, name).await;
            add(&phone, name, json!({})).await;
        }
        // A backup reads all of them, and the removal of the second one was given up behind it.
        let mut backup = shop.db.begin().await.unwrap();
        let read = "lock table documents in access share mode";
        sqlx::query(read).execute(&mut *backup).await.unwrap();
        run(
            shop,
            "update collections set removed_at = now() where name = 'second'",
        )
        .await;
        let detach = sqlx::raw_sql("alter table documents detach partition documents_2 concurrently");
        let cancelling = async {
            let pending = "select count(*) from pg_inherits where inhdetachpending";
            until(async || shop.count(pending).await == 1).await;
            let cancel = "select count(pg_cancel_backend(pid)) from pg_stat_activity
                where datname = current_database() and query like 'alter table documents detach%'";
            assert_eq!(shop.count(cancel).await, 1);
        };
        let (detached, ()) = join(detach.execute(&shop.db), cancelling).await;
        detached.unwrap_err();

        shop.admin("DELETE", "/admin/collections/first?confirm=first", None)
            .await
            .ok(204);
        assert_eq!(shop.count(PARTITIONS).await, 2);
        backup.rollback().await.unwrap();
        shop.run_workers().await;
        assert_eq!(shop.count("select count(*) from collections").await, 0);
        assert_eq!(shop.count(PARTITIONS).await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_collection_that_cannot_go_holds_up_none_behind_it() {
    shop(async |shop| {
        for name in ["stuck", "free"] {
            open(shop, name).await;
        }
        // Somebody's report stands in the way.
        run(shop, "create view report as select * from documents_1").await;
        run(shop, "update collections set removed_at = now()").await;
        assert_eq!(shop.run_workers_of(0).await, BTreeSet::from(["collections"]));
        assert_eq!(
            shop.count("select count(*) from collections where name = 'stuck'")
                .await,
            1
        );
        assert_eq!(shop.count("select count(*) from collections").await, 1);
        run(shop, "drop view report").await;
        shop.run_workers().await;
        assert_eq!(shop.count("select count(*) from collections").await, 0);
    })
    .await;
}
