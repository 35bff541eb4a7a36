//! The named differences.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;
use uuid::Uuid;

use super::Error;
use crate::domain::exception::ExceptionKind;
use crate::domain::id::{ExceptionId, OrderId};
use crate::telemetry::query;

/// A difference that needs a human.
#[derive(Debug)]
pub struct NewException<'a> {
    /// The exception.
    pub id: ExceptionId,
    /// What kind of difference.
    pub kind: ExceptionKind,
    /// What it is about: a payment number.
    pub subject: &'a str,
    /// The order, where one is concerned.
    pub order_id: Option<OrderId>,
    /// A sentence for the person who looks into it.
    pub detail: &'a str,
    /// What was seen, ours and theirs.
    pub evidence: serde_json::Value,
}

/// Writes an exception; the same kind about the same subject is written once.
pub async fn insert(db: &mut PgConnection, new: &NewException<'_>, now: DateTime<Utc>) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- exception.insert
        insert into exceptions (id, kind, subject, order_id, detail, evidence, created_at)
        values ($1, $2, $3, $4, $5, $6, $7)
        on conflict on constraint exceptions_kind_subject_key do nothing",
        Uuid::from(new.id),
        new.kind.as_str(),
        new.subject,
        new.order_id.map(Uuid::from),
        new.detail,
        new.evidence,
        now,
    )
    .execute(db);
    query("exception.insert", statement).await?;
    Ok(())
}

/// Resolves the open exceptions of these kinds about a subject, because what they named is mended.
pub async fn update_mended(
    db: &mut PgConnection,
    kinds: &[ExceptionKind],
    subject: &str,
    resolution: &str,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let kinds: Vec<String> = kinds.iter().map(|kind| kind.as_str().to_owned()).collect();
    let statement = sqlx::query!(
        "-- exception.update_mended
        update exceptions set resolved_at = $4, resolution = $3
        where subject = $2 and kind = any($1) and resolved_at is null",
        &kinds,
        subject,
        resolution,
        now,
    )
    .execute(db);
    query("exception.update_mended", statement).await?;
    Ok(())
}
