//! Each column of bytes is known: sealed, and then followed through a change of the data keys, or not.

use std::collections::BTreeSet;

use weir::store::sealed::COLUMNS;

use crate::database::Database;

/// Columns of bytes that hold nothing sealed, and need no data key to be read.
const NOT_SEALED: [&str; 12] = [
    // A keyed hash that is made again with each refresh; one that nobody knows costs a try.
    "access_tokens.secret_hash",
    "document_requests.request_hash",
    "files.sha256",
    "idempotency_keys.request_hash",
    "notifications.body",
    "phone_codes.code_hash",
    "push_messages.identity",
    "refunds.request_hash",
    "refused_notifications.body",
    "shipments.request_hash",
    "subscribe_messages.body_hash",
    "wxacodes.request_hash",
];

#[tokio::test]
async fn every_sealed_column_is_followed_through_a_change_of_the_data_keys() {
    let database = Database::migrated().await;
    let mut connection = database.connect().await;
    let found: Vec<String> = sqlx::query_scalar(
        "select format('%s.%s', table_name, column_name) from information_schema.columns
        where table_schema = 'public' and table_name <> '_sqlx_migrations' and data_type = 'bytea'",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    let found: BTreeSet<&str> = found.iter().map(String::as_str).collect();
    let sealed = COLUMNS.iter().map(|column| column.name);
    let hashes = COLUMNS
        .iter()
        .filter_map(|column| column.hash.as_ref())
        .map(|hash| hash.name);
    let known: BTreeSet<&str> = sealed.chain(hashes).chain(NOT_SEALED).collect();
    assert_eq!(
        found, known,
        "left: what the schema has; right: store::sealed::COLUMNS and what is known not to be sealed"
    );
    database.drop().await;
}
