//! `/admin/products`: keeping the catalogue.

#![expect(
    unused_qualifications,
    reason = "written by the macro that describes a route with a query"
)]

use actix_web::{HttpResponse, web};
use serde::{Deserialize, Serialize};
use url::Url;
use utoipa::{IntoParams, ToSchema};

use crate::domain::fen::{FEN_MAX, Fen};
use crate::domain::name::ProductId;
use crate::domain::product::{Product, STOCK_MAX, TITLE_CHARS_MAX};
use crate::domain::text;
use crate::error::{AppError, FieldError};
use crate::http::problem::Problem;
use crate::http::v1::page::{self, Page};
use crate::http::{Admin, Body, PathId, Query};
use crate::service::Context;
use crate::service::pay::catalogue;

/// The longest address of a picture, in bytes.
const IMAGE_URL_BYTES_MAX: usize = 2_048;

/// A product as the operator sets it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutProductRequest {
    /// Not only white space.
    #[schema(min_length = 1, max_length = 120, pattern = "\\S")]
    title: String,
    /// Price of one, in fen.
    #[schema(minimum = 1, maximum = 10_000_000_000_i64)]
    price_fen: i64,
    /// How many are left; null or absent: without limit.
    #[schema(minimum = 0, maximum = 1_000_000_000)]
    stock: Option<i64>,
    /// An http or https address.
    #[schema(max_length = 2048, pattern = "^https?://")]
    image_url: Option<String>,
    /// Whether it is shown and can be bought.
    #[schema(default = true)]
    is_listed: Option<bool>,
}

/// A product, with what only the operator sees.
#[derive(Debug, Serialize, ToSchema)]
pub struct AdminProductResponse {
    id: String,
    title: String,
    price_fen: i64,
    #[schema(required = true)]
    stock: Option<i32>,
    #[schema(required = true)]
    image_url: Option<String>,
    is_listed: bool,
}

impl From<Product> for AdminProductResponse {
    fn from(product: Product) -> Self {
        Self {
            id: product.id.into(),
            title: product.title,
            price_fen: product.price_fen.get(),
            stock: product.stock,
            image_url: product.image_url,
            is_listed: product.is_listed,
        }
    }
}

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ListAllProductsQuery {
    /// How many, 1 to 100.
    #[param(minimum = 1, maximum = 100, default = 20)]
    limit: Option<u32>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// List all products, by their ids
///
/// With those that are not shown.
#[utoipa::path(get, path = "/admin/products", tag = "operator", params(ListAllProductsQuery), security(("admin" = [])),
    responses(
        (status = 200, body = Page<AdminProductResponse>),
    ))]
pub async fn list_all_products(
    context: web::Data<Context>,
    _admin: Admin,
    query: Query<ListAllProductsQuery>,
) -> Result<HttpResponse, AppError> {
    let limit = page::limit(query.0.limit)?;
    let after: Option<ProductId> = page::position(query.0.cursor.as_deref())?;
    let (products, next) = catalogue::list_all_products(&context, after.as_ref(), limit).await?;
    Ok(HttpResponse::Ok().json(Page {
        items: products.into_iter().map(AdminProductResponse::from).collect(),
        next_cursor: next.as_ref().map(page::cursor).transpose()?,
    }))
}

/// Read a product, shown or not
#[utoipa::path(get, path = "/admin/products/{id}", tag = "operator", security(("admin" = [])),
    params(("id" = String, Path, min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_.-]+$")),
    responses(
        (status = 200, body = AdminProductResponse),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn read_any_product(
    context: web::Data<Context>,
    _admin: Admin,
    id: PathId<ProductId>,
) -> Result<HttpResponse, AppError> {
    let product = catalogue::read_any_product(&context, &id.0).await?;
    Ok(HttpResponse::Ok().json(AdminProductResponse::from(product)))
}

/// Make or replace a product
#[utoipa::path(put, path = "/admin/products/{id}", tag = "operator", request_body = PutProductRequest, security(("admin" = [])),
    params(("id" = String, Path, description = "1 to 64 of `A-Z a-z 0-9 _ - .`", min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_.-]+$")),
    responses(
        (status = 200, body = AdminProductResponse),
    ))]
pub async fn put_product(
    context: web::Data<Context>,
    _admin: Admin,
    id: web::Path<String>,
    body: Body<PutProductRequest, 16_384>,
) -> Result<HttpResponse, AppError> {
    let product = parse(id.into_inner(), body.0)?;
    catalogue::put_product(&context, &product).await?;
    Ok(HttpResponse::Ok().json(AdminProductResponse::from(product)))
}

/// Remove a product
#[utoipa::path(delete, path = "/admin/products/{id}", tag = "operator", params(("id" = String, Path, min_length = 1, max_length = 64, pattern = "^[A-Za-z0-9_.-]+$")), security(("admin" = [])),
    responses(
        (status = 204, description = "The product is gone; orders keep what they bought."),
        (status = 404, description = "`not_found`", body = Problem, content_type = "application/problem+json"),
    ))]
pub async fn delete_product(
    context: web::Data<Context>,
    _admin: Admin,
    id: PathId<ProductId>,
) -> Result<HttpResponse, AppError> {
    catalogue::delete_product(&context, &id.0).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn parse(id: String, request: PutProductRequest) -> Result<Product, AppError> {
    let mut errors = Vec::new();
    let id = ProductId::parse(id).ok();
    if id.is_none() {
        errors.push(FieldError::new(
            "id",
            "characters",
            "1 to 64 of A-Z a-z 0-9 _ - .",
        ));
    }
    if let Err(error) = text::check_filled(&request.title, TITLE_CHARS_MAX) {
        errors.push(FieldError::new(
            "/title",
            "characters",
            format!("the title {error}"),
        ));
    }
    let price_fen = Fen::new(request.price_fen)
        .ok()
        .filter(|price| *price > Fen::ZERO);
    if price_fen.is_none() {
        errors.push(FieldError::new("/price_fen", "range", format!("1 to {FEN_MAX}")));
    }
    let stock = request.stock.map(|stock| {
        i32::try_from(stock)
            .ok()
            .filter(|stock| (0..=STOCK_MAX).contains(stock))
    });
    if stock == Some(None) {
        errors.push(FieldError::new(
            "/stock",
            "range",
            format!("0 to {STOCK_MAX}, or null"),
        ));
    }
    if request
        .image_url
        .as_deref()
        .is_some_and(|url| !is_web_address(url))
    {
        errors.push(FieldError::new(
            "/image_url",
            "format",
            "an http or https address",
        ));
    }
    match (id, price_fen, errors.is_empty()) {
        (Some(id), Some(price_fen), true) => Ok(Product {
            id,
            title: request.title,
            price_fen,
            stock: stock.flatten(),
            image_url: request.image_url,
            is_listed: request.is_listed.unwrap_or(true),
        }),
        _ => Err(AppError::fields(errors)),
    }
}

fn is_web_address(text: &str) -> bool {
    text.len() <= IMAGE_URL_BYTES_MAX
        && text::is_address(text)
        && Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}
