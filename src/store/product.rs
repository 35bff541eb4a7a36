//! The catalogue.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgExecutor;

use super::Error;
use super::statement::query;
use crate::domain::fen::Fen;
use crate::domain::moment::Moment;
use crate::domain::name::ProductId;
use crate::domain::product::Product;

struct ProductRow {
    id: String,
    title: String,
    price_fen: i64,
    stock: Option<i32>,
    image_url: Option<String>,
    is_listed: bool,
    created_at: DateTime<Utc>,
}

impl ProductRow {
    fn product(self) -> Result<Product, Error> {
        let inconsistent = Error::Inconsistent { table: "products" };
        Ok(Product {
            id: ProductId::parse(self.id).map_err(|_| Error::Inconsistent { table: "products" })?,
            title: self.title,
            price_fen: Fen::new(self.price_fen).map_err(|_| inconsistent)?,
            stock: self.stock,
            image_url: self.image_url,
            is_listed: self.is_listed,
        })
    }
}

/// Where a page of products begins: after this creation time and id. Comes back from outside as a
/// cursor, so only what the database can hold is taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductPosition(Moment, ProductId);

/// Up to `limit` listed products, oldest first, with the position of each.
pub async fn list(
    db: impl PgExecutor<'_>,
    after: Option<&ProductPosition>,
    limit: i64,
) -> Result<Vec<(Product, ProductPosition)>, Error> {
    let statement = sqlx::query_as!(
        ProductRow,
        "-- product.list
        select id, title, price_fen, stock, image_url, is_listed, created_at
        from products
        where is_listed and ($1::timestamptz is null or (created_at, id) > ($1, $2))
        order by created_at, id
        limit $3",
        after.map(|position| position.0.get()),
        after.map(|position| position.1.as_str()),
        limit,
    )
    .fetch_all(db);
    query("product.list", statement)
        .await?
        .into_iter()
        .map(|row| {
            let created_at = Moment::try_from(row.created_at);
            let created_at = created_at.map_err(|_| Error::Inconsistent { table: "products" })?;
            let product = row.product()?;
            let position = ProductPosition(created_at, product.id.clone());
            Ok((product, position))
        })
        .collect()
}

/// Up to `limit` products, listed or not, by their ids.
pub async fn list_all(
    db: impl PgExecutor<'_>,
    after: Option<&ProductId>,
    limit: i64,
) -> Result<Vec<Product>, Error> {
    let statement = sqlx::query_as!(
        ProductRow,
        "-- product.list_all
        select id, title, price_fen, stock, image_url, is_listed, created_at
        from products
        where $1::text is null or id > $1
        order by id
        limit $2",
        after.map(ProductId::as_str),
        limit,
    )
    .fetch_all(db);
    query("product.list_all", statement)
        .await?
        .into_iter()
        .map(ProductRow::product)
        .collect()
}

/// One product, listed or not.
pub async fn find(db: impl PgExecutor<'_>, id: &ProductId) -> Result<Option<Product>, Error> {
    let statement = sqlx::query_as!(
        ProductRow,
        "-- product.find
        select id, title, price_fen, stock, image_url, is_listed, created_at
        from products where id = $1",
        id.as_str(),
    )
    .fetch_optional(db);
    query("product.find", statement)
        .await?
        .map(ProductRow::product)
        .transpose()
}

/// One listed product.
pub async fn find_listed(db: impl PgExecutor<'_>, id: &ProductId) -> Result<Option<Product>, Error> {
    let statement = sqlx::query_as!(
        ProductRow,
        "-- product.find_listed
        select id, title, price_fen, stock, image_url, is_listed, created_at
        from products where id = $1 and is_listed",
        id.as_str(),
    )
    .fetch_optional(db);
    query("product.find_listed", statement)
        .await?
        .map(ProductRow::product)
        .transpose()
}

/// Those of `ids` that are listed.
pub async fn list_by_id(db: impl PgExecutor<'_>, ids: &[String]) -> Result<Vec<Product>, Error> {
    let statement = sqlx::query_as!(
        ProductRow,
        "-- product.list_by_id
        select id, title, price_fen, stock, image_url, is_listed, created_at
        from products where id = any($1) and is_listed",
        ids,
    )
    .fetch_all(db);
    query("product.list_by_id", statement)
        .await?
        .into_iter()
        .map(ProductRow::product)
        .collect()
}

/// Makes or replaces a product.
pub async fn upsert(db: impl PgExecutor<'_>, product: &Product, now: DateTime<Utc>) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- product.upsert
        insert into products (id, title, price_fen, stock, image_url, is_listed, created_at, updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, $7)
        on conflict on constraint products_pkey do update set
            title = excluded.title,
            price_fen = excluded.price_fen,
            stock = excluded.stock,
            image_url = excluded.image_url,
            is_listed = excluded.is_listed,
            updated_at = excluded.updated_at",
        product.id.as_str(),
        product.title,
        product.price_fen.get(),
        product.stock,
        product.image_url,
        product.is_listed,
        now,
    )
    .execute(db);
    query("product.upsert", statement).await?;
    Ok(())
}

/// Removes a product; orders keep their own copy of what they need. Tells whether there was one.
pub async fn delete(db: impl PgExecutor<'_>, id: &ProductId) -> Result<bool, Error> {
    let statement = sqlx::query!(
        "-- product.delete
        delete from products where id = $1",
        id.as_str(),
    )
    .execute(db);
    Ok(query("product.delete", statement).await?.rows_affected() == 1)
}

/// A stocked product of an order, as it was found under lock.
#[derive(Debug)]
pub struct StockTaken {
    /// The product.
    pub id: String,
    /// What was left before.
    pub left: i32,
    /// What was wanted.
    pub wanted: i32,
}

/// Takes stock for an order under lock, all of it or none: where any product has too little left,
/// nothing is taken, and the rows tell which. Products without a stock are not among the rows.
pub async fn take_stock(
    db: impl PgExecutor<'_>,
    ids: &[String],
    quantities: &[i32],
) -> Result<Vec<StockTaken>, Error> {
    let statement = sqlx::query_as!(
        StockTaken,
        r#"-- product.take_stock
        with wanted as (
            select id, quantity from unnest($1::text[], $2::integer[]) as wanted (id, quantity)
        ), locked as materialized (
            select products.id, products.stock, wanted.quantity
            from products join wanted on wanted.id = products.id
            where products.stock is not null
            order by products.id
            for no key update of products
        ), taken as (
            update products set stock = products.stock - locked.quantity
            from locked
            where products.id = locked.id
                and not exists (select from locked as short where short.stock < short.quantity)
        )
        select id as "id!", stock as "left!", quantity as "wanted!" from locked"#,
        ids,
        quantities,
    )
    .fetch_all(db);
    Ok(query("product.take_stock", statement).await?)
}

/// Gives back the stock that an order took. Products that are gone or without limit now are left
/// as they are.
pub async fn return_stock(
    db: impl PgExecutor<'_>,
    order_id: crate::domain::id::OrderId,
) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- product.return_stock
        with returned as materialized (
            select products.id, order_items.quantity
            from order_items join products on products.id = order_items.product_id
            where order_items.order_id = $1 and order_items.is_stocked and products.stock is not null
            order by products.id
            for no key update of products
        )
        update products set stock = products.stock + returned.quantity
        from returned where products.id = returned.id",
        uuid::Uuid::from(order_id),
    )
    .execute(db);
    query("product.return_stock", statement).await?;
    Ok(())
}
