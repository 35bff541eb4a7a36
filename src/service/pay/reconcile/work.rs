//! One try of a run, under its lease, from the claim to the result.

use std::sync::Arc;

use serde_json::json;
use sqlx::PgConnection;

use super::compare::{Comparison, LISTED_MAX};
use super::lease::{LEASE, Lease, Setback};
use super::stage::stage;
use crate::domain::exception::ExceptionKind;
use crate::domain::id::ReconciliationId;
use crate::domain::reconciliation as rules;
use crate::error::AppError;
use crate::service::Context;
use crate::store;
use crate::store::exception::NewException;
use crate::store::reconciliation::Figures;

/// Works on a run that is due, this one or the one that waits longest; tells whether there was one. A try
/// that fails is written down and made again later; that is no error. When the server stops, the run is given
/// back.
///
/// # Errors
/// When the database fails so that not even that can be written. The lease then ends by itself.
pub async fn work(context: &Arc<Context>, id: Option<ReconciliationId>) -> Result<bool, AppError> {
    context.merchant()?;
    let now = context.clock.now();
    let token = context.entropy.uuid(now).map_err(AppError::internal)?;
    let claimed = store::reconciliation::claim(&context.db, id, token, (now, now + LEASE)).await?;
    let Some((id, bill_date, attempts)) = claimed else {
        return Ok(false);
    };
    let lease = Lease {
        id,
        bill_date,
        token,
        attempts,
    };
    let working = context.stopping.run_until_cancelled(attempt(context, &lease));
    let Some(outcome) = working.await else {
        store::reconciliation::release(&context.db, token, context.clock.now()).await?;
        return Ok(false);
    };
    match outcome {
        Ok(figures) => {
            let differences = figures.difference_count;
            tracing::info!(reconciliation.id = %id, %bill_date, differences, "a day is reconciled");
        }
        Err(Setback::Lost) => tracing::warn!(reconciliation.id = %id, "another has taken it over"),
        Err(setback) => fail(context, &lease, &setback).await?,
    }
    throw_away(context).await?;
    Ok(true)
}

async fn attempt(context: &Context, lease: &Lease) -> Result<Figures, Setback> {
    throw_away(context).await?;
    let staged = stage(context, lease, lease.bill_date).await?;
    let expected = staged.rows();
    store::bill::analyze(&context.db).await?;
    let figures = Comparison::new(context, lease, staged)?.run().await?;
    if store::bill::count(&context.db, lease.token).await? != expected {
        return Err(Setback::Emptied);
    }
    finish(context, lease, &figures).await?;
    Ok(figures)
}

async fn finish(context: &Context, lease: &Lease, figures: &Figures) -> Result<(), Setback> {
    let now = context.clock.now();
    let mut transaction = context.db.begin().await?;
    if !store::reconciliation::update_finished(&mut transaction, lease.token, figures, now).await? {
        return Err(Setback::Lost);
    }
    if figures.difference_count <= LISTED_MAX {
        store::difference::resolve_gone(&mut transaction, lease.id, lease.bill_date, now).await?;
    } else {
        // What is not listed may differ as before: nothing is known to be gone.
        raise(
            context,
            lease,
            ExceptionKind::ReconciliationOverflow,
            &mut transaction,
            "too_many",
        )
        .await?;
    }
    transaction.commit().await?;
    Ok(())
}

async fn fail(context: &Context, lease: &Lease, setback: &Setback) -> Result<(), AppError> {
    let now = context.clock.now();
    let sequel = rules::sequel(setback.kind(), lease.bill_date, lease.attempts, now);
    let (id, code) = (lease.id, setback.code());
    let cause = std::error::Error::source(setback).map(ToString::to_string);
    tracing::warn!(reconciliation.id = %id, code, cause, "a try to reconcile a day came to nothing");
    let mut transaction = context.db.begin().await?;
    let is_held =
        store::reconciliation::update_failed(&mut transaction, lease.token, code, sequel, now).await?;
    if is_held && sequel.next_try_at.is_none() {
        raise(
            context,
            lease,
            ExceptionKind::ReconciliationIncomplete,
            &mut transaction,
            code,
        )
        .await?;
    }
    transaction.commit().await?;
    Ok(())
}

async fn raise(
    context: &Context,
    lease: &Lease,
    kind: ExceptionKind,
    transaction: &mut PgConnection,
    code: &str,
) -> Result<(), AppError> {
    let now = context.clock.now();
    let exception = NewException {
        id: context.entropy.uuid(now).map_err(AppError::internal)?.into(),
        kind,
        subject: &lease.id.to_string(),
        order_id: None,
        detail: kind.explanation(),
        evidence: json!({"bill_date": lease.bill_date, "reconciliation_id": lease.id, "code": code}),
    };
    store::exception::insert(transaction, &exception, now).await?;
    Ok(())
}

/// Throws away the rows of bills that nobody works on.
async fn throw_away(context: &Context) -> Result<(), AppError> {
    while store::bill::delete_left(&context.db).await? > 0 {}
    Ok(())
}
