//! Collections: what a page stores, in the words of a page.

mod bad;
mod declaration;
mod document;
mod filter;
mod injection;
mod interpreter;
mod leftover;
mod patch;
mod permission;
mod property;
mod query;
mod schema;
mod schema_change;
mod share;

use serde_json::{Value, json};

use crate::harness::{ADMIN_TOKEN, Answer, INTERNAL_TOKEN, Phone, Shop};

/// Declares a collection.
async fn try_declare(shop: &Shop, name: &str, declaration: &Value) -> Answer {
    shop.admin("PUT", &format!("/admin/collections/{name}"), Some(declaration))
        .await
}

/// Declares a new collection.
async fn declare(shop: &Shop, name: &str, declaration: Value) {
    try_declare(shop, name, &declaration).await.ok(201);
}

/// A collection that every user reads, each writing what is theirs.
async fn open(shop: &Shop, name: &str) {
    declare(shop, name, json!({"permission": "all_read_owner_write"})).await;
}

async fn make(phone: &Phone<'_>, name: &str, body: Value) -> Answer {
    phone
        .call("POST", &format!("/v1/collections/{name}/documents"), Some(&body))
        .await
}

/// Makes a document, and gives its id.
async fn add(phone: &Phone<'_>, name: &str, data: Value) -> String {
    let made = make(phone, name, json!({"data": data})).await.ok(201);
    made["id"].as_str().unwrap().to_owned()
}

/// Makes several, in this order.
async fn fill(phone: &Phone<'_>, name: &str, items: &[Value]) {
    for items in items.chunks(100) {
        make(phone, name, json!({"items": items})).await.ok(201);
    }
}

async fn one(phone: &Phone<'_>, method: &str, name: &str, id: &str, body: Option<Value>) -> Answer {
    let path = format!("/v1/collections/{name}/documents/{id}");
    phone.call(method, &path, body.as_ref()).await
}

async fn try_query(phone: &Phone<'_>, name: &str, body: Value) -> Answer {
    phone
        .call("POST", &format!("/v1/collections/{name}/query"), Some(&body))
        .await
}

/// The data of what a query finds.
async fn find(phone: &Phone<'_>, name: &str, body: Value) -> Vec<Value> {
    let page = try_query(phone, name, body).await.ok(200);
    let items = page["items"].as_array().unwrap();
    items.iter().map(|item| item["data"].clone()).collect()
}

async fn count(phone: &Phone<'_>, name: &str, filter: Value) -> i64 {
    let body = json!({ "filter": filter });
    let answer = phone
        .call("POST", &format!("/v1/collections/{name}/count"), Some(&body))
        .await;
    answer.ok(200)["count"].as_i64().unwrap()
}

/// A body as it stands, sent by a page.
async fn raw(phone: &Phone<'_>, method: &str, path: &str, body: impl Into<Vec<u8>>) -> Answer {
    let shop = phone.shop;
    let request = shop
        .request(method, path, Some(&phone.token), None)
        .header("content-type", "application/json")
        .body(body.into());
    shop.send(request).await
}

/// Many documents at once, behind the server's back, and counted by PostgreSQL.
async fn flood(shop: &Shop, documents: i64) {
    sqlx::query(
        "insert into documents select c.id, gen_random_uuid(), null, 1, now(), now(),
            jsonb_build_object('n', n, 'group', n % 10, 'name', 'p' || n)
         from collections c, generate_series(1, $1) n",
    )
    .bind(documents)
    .execute(&shop.db)
    .await
    .unwrap();
    sqlx::raw_sql("analyze documents")
        .execute(&shop.db)
        .await
        .unwrap();
}

/// The same of a service of the owner.
async fn as_service(shop: &Shop, method: &str, path: &str, body: Option<Value>) -> Answer {
    let path = format!("/internal/collections/{path}");
    shop.send(shop.request(method, &path, Some(INTERNAL_TOKEN), body.as_ref()))
        .await
}

/// A request of the operator to the documents of a collection.
async fn as_operator(shop: &Shop, method: &str, path: &str, body: Option<Value>) -> Answer {
    let path = format!("/admin/collections/{path}");
    shop.send(shop.request(method, &path, Some(ADMIN_TOKEN), body.as_ref()))
        .await
}
