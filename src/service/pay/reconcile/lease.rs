//! The right to work on a run, and why a try came to nothing.

use chrono::{NaiveDate, TimeDelta};
use sqlx::PgConnection;
use uuid::Uuid;

use crate::domain::id::ReconciliationId;
use crate::domain::reconciliation as rules;
use crate::error::AppError;
use crate::service::Context;
use crate::store;
use crate::wechat::pay::bill::BillError;

/// How long a try may stand still before another takes it over. It is renewed with every thousand rows.
pub(super) const LEASE: TimeDelta = TimeDelta::minutes(2);

/// The right to work on a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lease {
    pub(super) id: ReconciliationId,
    pub(super) bill_date: NaiveDate,
    pub(super) token: Uuid,
    pub(super) attempts: i32,
}

/// Why a try came to nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum Setback {
    /// The bill is not there, or not to be used.
    #[error("a bill cannot be used")]
    Bill(#[from] BillError),
    /// Another has taken the run over.
    #[error("another has taken the reconciliation over")]
    Lost,
    /// The tables do not hold what was put into them.
    #[error("the rows of the bill are gone")]
    Emptied,
    /// The database, or a defect.
    #[error(transparent)]
    Other(#[from] AppError),
}

impl From<store::Error> for Setback {
    fn from(error: store::Error) -> Self {
        Self::Other(error.into())
    }
}

impl From<sqlx::Error> for Setback {
    fn from(error: sqlx::Error) -> Self {
        Self::Other(error.into())
    }
}

impl Setback {
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Bill(error) => error.as_str(),
            Self::Lost => "lease_lost",
            Self::Emptied => "rows_gone",
            Self::Other(error) => error.code().row().text,
        }
    }

    pub(super) fn kind(&self) -> rules::Setback {
        match self {
            Self::Bill(BillError::NotReady) => rules::Setback::NotReady,
            Self::Bill(BillError::RateLimited) => rules::Setback::RateLimited,
            Self::Bill(_) | Self::Lost | Self::Emptied | Self::Other(_) => rules::Setback::Failed,
        }
    }
}

impl Lease {
    /// Holds it for longer.
    pub(super) async fn renew(&self, context: &Context) -> Result<(), Setback> {
        let now = context.clock.now();
        let is_held = store::reconciliation::renew(&context.db, self.token, (now, now + LEASE)).await?;
        if is_held { Ok(()) } else { Err(Setback::Lost) }
    }

    /// Holds it until the end of a transaction.
    pub(super) async fn hold(
        &self,
        context: &Context,
        transaction: &mut PgConnection,
    ) -> Result<(), Setback> {
        let now = context.clock.now();
        let is_held = store::reconciliation::renew(transaction, self.token, (now, now + LEASE)).await?;
        if is_held { Ok(()) } else { Err(Setback::Lost) }
    }
}
