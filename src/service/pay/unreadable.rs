//! Naming an answer that is WeChat's for certain and says nothing that can be read. Asked again it most likely
//! says the same: a human has to look.

use crate::domain::exception::ExceptionKind;
use crate::domain::id::{ExceptionId, OrderId};
use crate::error::AppError;
use crate::service::Context;
use crate::store;
use crate::store::exception::NewException;

/// Names an answer about one of our numbers whose `field` is missing or makes no sense.
///
/// # Errors
/// Only when the database fails.
pub(super) async fn raise(
    context: &Context,
    kind: ExceptionKind,
    (number, order_id): (&str, Option<OrderId>),
    field: &str,
) -> Result<(), AppError> {
    let now = context.clock.now();
    let exception = NewException {
        id: ExceptionId::from(context.entropy.uuid(now)?),
        kind,
        subject: number,
        order_id,
        detail: kind.explanation(),
        evidence: serde_json::json!({ "theirs": { "field": field } }),
    };
    let mut tx = context.db.begin().await?;
    store::exception::insert(&mut tx, &exception, now).await?;
    tx.commit().await?;
    Ok(())
}
