//! How much of the database a statement of the server reads.

use std::fs;

use serde_json::Value;
use sqlx::Postgres;
use sqlx::postgres::PgArguments;
use sqlx::query::QueryScalar;

use super::Shop;

/// A statement whose parameters are still to be bound.
type Explained<'q> = QueryScalar<'q, Postgres, Value, PgArguments>;

/// The text of a statement by its name, as the server was built with it.
fn statement(name: &str) -> String {
    let head = format!("-- {name}\n");
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/.sqlx");
    let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut texts = files.map(|path| {
        let known: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
        known["query"].as_str().unwrap().to_owned()
    });
    texts.find(|text| text.starts_with(&head)).unwrap()
}

impl Shop {
    /// How many pages a statement looks at, tables and indexes together. What it writes is undone.
    pub(crate) async fn pages_of(
        &self,
        name: &str,
        bind: impl FnOnce(Explained<'static>) -> Explained<'static>,
    ) -> i64 {
        let explain = format!("explain (analyze, buffers, format json) {}", statement(name));
        let mut tx = self.db.begin().await.unwrap();
        let plan = bind(sqlx::query_scalar(sqlx::AssertSqlSafe(explain)));
        let plan = plan.fetch_one(&mut *tx).await.unwrap();
        tx.rollback().await.unwrap();
        let top = &plan[0]["Plan"];
        ["Shared Hit Blocks", "Shared Read Blocks"]
            .iter()
            .map(|name| top[name].as_i64().unwrap())
            .sum()
    }
}
