//! A recorded delivery run again: through the same code, with today's keys, against its own clock.
//!
//! Dry, everything is done in a transaction that is rolled back, so that the difference it would make
//! is what the database says and not a guess. Applied, it happens, by the same settling as always:
//! what is known already changes nothing.

use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;

use super::delivery::Texts;
use super::recorded::Recorded;
use super::report::{self, Report, Taken};
use super::verdict;
use crate::domain::id::NotificationId;
use crate::error::AppError;
use crate::service::Context;
use crate::store;
use crate::store::notification::Replay;
use crate::store::picture::{self, Fact};
use crate::telemetry;

/// How often a transaction that gave way to another is tried again.
const TRIES_MAX: u32 = 3;

/// What running a delivery again came to.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Replayed {
    /// What it turns out to be, as the recorder spells it.
    #[schema(value_type = String, example = "settled")]
    pub verdict: &'static str,
    /// Why it is still refused and what helps; null where it is believed.
    #[schema(required = true)]
    pub detail: Option<String>,
    /// The difference it makes, or would make, in the books.
    pub changes: Vec<Change>,
    /// Whether the changes were made.
    pub applied: bool,
}

/// One difference in the books.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Change {
    /// `order`, `attempt`, `payment`, `refund`, `exception` or `event`.
    pub what: String,
    /// Its id, or its number at WeChat.
    pub name: String,
    /// Its state before; null where it was not there.
    #[schema(required = true)]
    pub from: Option<String>,
    /// Its state after; null where it is not there any more.
    #[schema(required = true)]
    pub to: Option<String>,
}

/// Runs a recorded delivery again for `by`, for real if `is_applying`.
///
/// # Errors
/// `not_found` where there is no such delivery, `payment_not_configured`, and when the database fails.
pub async fn replay(
    context: &Arc<Context>,
    id: NotificationId,
    by: String,
    is_applying: bool,
) -> Result<Replayed, AppError> {
    context.merchant()?;
    let shared = Arc::clone(context);
    context
        .detached(async move {
            let recorded = find(&shared, id).await?;
            let replayed = run(&shared, &recorded, &by, is_applying).await?;
            tracing::info!(
                notification.id = %recorded.id,
                notification.verdict = replayed.verdict,
                by,
                is_applied = replayed.applied,
                changes = replayed.changes.len(),
                "a recorded notification was run again"
            );
            Ok(replayed)
        })
        .await
}

/// What was run again is run from where it came from, whose clock is its own.
async fn find(context: &Context, id: NotificationId) -> Result<Recorded, AppError> {
    let recorded = Recorded::find(context, id).await?;
    match recorded.replay_of {
        Some(original) => Recorded::find(context, original).await,
        None => Ok(recorded),
    }
}

async fn run(
    context: &Context,
    recorded: &Recorded,
    by: &str,
    is_applying: bool,
) -> Result<Replayed, AppError> {
    let refused = |verdict, detail| Replayed {
        verdict,
        detail: Some(detail),
        changes: Vec::new(),
        applied: false,
    };
    if recorded.is_cut {
        let detail = "Only the beginning of its body was kept, which cannot be verified.";
        return Ok(refused("body_unreadable", detail.to_owned()));
    }
    let report = match report::open(context, &recorded.delivery, recorded.own_clock).await {
        Ok(report) => report,
        Err(refusal) => {
            let judgement = verdict::judge(context, &recorded.delivery, &refusal, true);
            return Ok(refused(judgement.verdict, judgement.detail));
        }
    };
    let mut tries_left = TRIES_MAX;
    loop {
        tries_left = tries_left.saturating_sub(1);
        match run_within(context, recorded, &report, (by, is_applying)).await {
            Err(store::Error::Busy(_) | store::Error::Conflict { .. }) if tries_left > 0 => {}
            ran => {
                let (taken, changes) = ran?;
                if is_applying {
                    taken.note(context);
                    telemetry::count_notification(taken.verdict());
                }
                return Ok(Replayed {
                    verdict: taken.verdict(),
                    detail: None,
                    changes,
                    applied: is_applying,
                });
            }
        }
    }
}

async fn run_within(
    context: &Context,
    recorded: &Recorded,
    report: &Report,
    (by, is_applying): (&str, bool),
) -> Result<(Taken, Vec<Change>), store::Error> {
    let texts = Texts::of(&recorded.delivery);
    let replay = Replay { of: recorded.id, by };
    let record = texts
        .record(context, report.notify_id())
        .map_err(store::vault::VaultError::from)?
        .run_again(replay);
    let mut tx = context.db.begin().await?;
    let order_id = match report.out_trade_no() {
        Some(number) => picture::lock_order_by_number(&mut tx, number.as_str()).await?,
        None => None,
    };
    let before = picture::take(&mut tx, order_id, report.subject()).await?;
    let taken = report::take_within(context, &mut tx, &record, report).await?;
    let after = picture::take(&mut tx, order_id, report.subject()).await?;
    if is_applying {
        tx.commit().await?;
    } else {
        tx.rollback().await?;
    }
    Ok((taken, difference(&before, &after)))
}

/// What differs between two pictures, in the order of the second.
fn difference(before: &[Fact], after: &[Fact]) -> Vec<Change> {
    let same = |one: &Fact, other: &Fact| one.what == other.what && one.name == other.name;
    let gone = before
        .iter()
        .filter(|old| !after.iter().any(|new| same(old, new)))
        .map(|old| (old, Some(&old.state), None));
    after
        .iter()
        .map(|new| {
            let old = before.iter().find(|old| same(old, new));
            (new, old.map(|old| &old.state), Some(&new.state))
        })
        .chain(gone)
        .filter(|(_, from, to)| from != to)
        .map(|(fact, from, to)| Change {
            what: fact.what.clone(),
            name: fact.name.clone(),
            from: from.cloned(),
            to: to.cloned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(what: &str, name: &str, state: &str) -> Fact {
        Fact {
            what: what.to_owned(),
            name: name.to_owned(),
            state: state.to_owned(),
        }
    }

    #[test]
    fn only_what_differs_is_told() {
        let before = [
            fact("order", "1", "awaiting_payment"),
            fact("attempt", "1", "prepaid"),
            fact("payment", "7", "100 fen"),
        ];
        let after = [
            fact("order", "1", "paid"),
            fact("attempt", "1", "prepaid"),
            fact("event", "2", "order.paid"),
        ];
        let told: Vec<String> = difference(&before, &after)
            .into_iter()
            .map(|change| format!("{} {:?} {:?}", change.what, change.from, change.to))
            .collect();
        assert_eq!(
            told,
            [
                r#"order Some("awaiting_payment") Some("paid")"#,
                r#"event None Some("order.paid")"#,
                r#"payment Some("100 fen") None"#
            ]
        );
    }
}
