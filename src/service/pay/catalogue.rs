//! The catalogue: shown to everybody, kept by the operator.

use crate::domain::name::ProductId;
use crate::domain::product::Product;
use crate::error::{AppError, ErrorCode};
use crate::service::Context;
use crate::store;
pub use crate::store::product::ProductPosition;

/// Up to `limit` listed products after a position, and the position to go on from if there are
/// more.
pub async fn list_products(
    context: &Context,
    after: Option<&ProductPosition>,
    limit: u32,
) -> Result<(Vec<Product>, Option<ProductPosition>), AppError> {
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut rows = store::product::list(&context.db, after, i64::from(limit) + 1).await?;
    let has_more = rows.len() > wanted;
    rows.truncate(wanted);
    let next = if has_more {
        rows.last().map(|(_, position)| position.clone())
    } else {
        None
    };
    Ok((rows.into_iter().map(|(product, _)| product).collect(), next))
}

/// Up to `limit` products after an id, listed or not, and the id to go on from if there are more.
pub async fn list_all_products(
    context: &Context,
    after: Option<&ProductId>,
    limit: u32,
) -> Result<(Vec<Product>, Option<ProductId>), AppError> {
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let mut products = store::product::list_all(&context.db, after, i64::from(limit) + 1).await?;
    let has_more = products.len() > wanted;
    products.truncate(wanted);
    let next = products.last().filter(|_| has_more);
    let next = next.map(|product| product.id.clone());
    Ok((products, next))
}

/// One product, listed or not.
pub async fn read_any_product(context: &Context, id: &ProductId) -> Result<Product, AppError> {
    store::product::find(&context.db, id)
        .await?
        .ok_or_else(|| AppError::new(ErrorCode::NotFound))
}

/// One listed product.
pub async fn read_product(context: &Context, id: &ProductId) -> Result<Product, AppError> {
    store::product::find_listed(&context.db, id)
        .await?
        .ok_or_else(|| AppError::new(ErrorCode::NotFound))
}

/// Makes or replaces a product.
pub async fn put_product(context: &Context, product: &Product) -> Result<(), AppError> {
    Ok(store::product::upsert(&context.db, product, context.clock.now()).await?)
}

/// Removes a product from the catalogue; orders keep what they bought.
pub async fn delete_product(context: &Context, id: &ProductId) -> Result<(), AppError> {
    if store::product::delete(&context.db, id).await? {
        Ok(())
    } else {
        Err(AppError::new(ErrorCode::NotFound))
    }
}
