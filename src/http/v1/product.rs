//! `/v1/products`: the catalogue, for everybody.

#![expect(
    unused_qualifications,
    reason = "written by the macro that describes a route with a query"
)]

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::page::{self, Page};
use crate::domain::name::ProductId;
use crate::domain::product::Product;
use crate::error::AppError;
use crate::http::problem::Problem;
use crate::http::{PathId, Query};
use crate::service::Context;
use crate::service::pay::catalogue::{self, ProductPosition};

/// A product.
#[derive(Debug, Serialize, ToSchema)]
pub struct ProductResponse {
    id: String,
    title: String,
    /// Price of one, in fen.
    #[schema(minimum = 1, maximum = 10_000_000_000_i64)]
    price_fen: i64,
    /// How many are left; null: without limit.
    #[schema(required = true)]
    stock: Option<i32>,
    #[schema(required = true)]
    image_url: Option<String>,
}

impl From<Product> for ProductResponse {
    fn from(product: Product) -> Self {
        Self {
            id: product.id.into(),
            title: product.title,
            price_fen: product.price_fen.get(),
            stock: product.stock,
            image_url: product.image_url,
        }
    }
}

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListProductsQuery {
    /// How many, 1 to 100.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// List the products
#[utoipa::path(get, path = "/v1/products", tag = "shop", params(ListProductsQuery), security(()),
    responses(
        (status = 200, body = Page<ProductResponse>),
    ))]
pub async fn list_products(
    context: web::Data<Context>,
    query: Query<ListProductsQuery>,
) -> Result<HttpResponse, AppError> {
    let limit = page::limit(query.0.limit)?;
    let after: Option<ProductPosition> = page::position(query.0.cursor.as_deref())?;
    let (products, next) = catalogue::list_products(&context, after.as_ref(), limit).await?;
    Ok(HttpResponse::Ok().json(Page {
        items: products.into_iter().map(ProductResponse::from).collect(),
        next_cursor: next.as_ref().map(page::cursor).transpose()?,
    }))
}

/// Read a product
#[utoipa::path(get, path = "/v1/products/{id}", tag = "shop", params(("id" = String, Path, min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_.-]+$")), security(()),
    responses(
        (status = 200, body = ProductResponse),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn read_product(
    context: web::Data<Context>,
    id: PathId<ProductId>,
) -> Result<HttpResponse, AppError> {
    let product = catalogue::read_product(&context, &id.0).await?;
    Ok(HttpResponse::Ok().json(ProductResponse::from(product)))
}
