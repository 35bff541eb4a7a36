//! Whether WeChat hears of what was sent, and which money it keeps because it has not.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{Check, Status, unseen};
use crate::domain::exception::Concern;
use crate::service::Context;
use crate::service::shipping::management::{app_ids, late_at, waiting};
use crate::store;
use crate::store::health::Figures;
use crate::store::shipping_management::{ManagedApp, UploadFigures};

/// A shipment that WeChat has not taken for longer is a warning: it was told several times by then.
const FAILING_WARN: TimeDelta = TimeDelta::minutes(15);
/// One that is due for longer, and that nobody looks at: the loop looks every few seconds.
const OVERDUE_WARN: TimeDelta = TimeDelta::minutes(10);

/// What the database says.
#[derive(Debug)]
pub(super) struct Sent {
    apps: Vec<ManagedApp>,
    uploads: UploadFigures,
}

pub(super) async fn figures(context: &Context, now: DateTime<Utc>) -> Result<Sent, store::Error> {
    let (db, apps) = (&context.db, app_ids(context));
    Ok(Sent {
        apps: store::shipping_management::list(db, &apps, waiting(now), late_at(now)).await?,
        uploads: store::shipping_management::upload_figures(db).await?,
    })
}

pub(super) fn check(figures: Option<&Figures>, sent: Option<&Sent>, now: DateTime<Utc>) -> Check {
    let (Some(figures), Some(sent)) = (figures, sent) else {
        return unseen();
    };
    let exceptions_open = figures.open_of(Concern::Shipments);
    let managed = || sent.apps.iter().filter(|app| app.is_managed == Some(true));
    let unshipped: i64 = managed().map(|app| app.unshipped).sum();
    let unshipped_late: i64 = managed().map(|app| app.unshipped_late).sum();
    let oldest = managed().filter_map(|app| app.oldest_paid_at).min();
    let is_older = |at: Option<DateTime<Utc>>, bound| at.is_some_and(|at| at < now - bound);
    let uploads = &sent.uploads;
    let degraded = |detail| Check::new(Status::Degraded, detail);
    let check = if unshipped_late > 0 {
        degraded(
            "paid orders are not shipped after 48 hours: WeChat keeps their money, and may keep the shop from taking more",
        )
    } else if unshipped > 0 {
        degraded("paid orders are not shipped after 24 hours: WeChat keeps their money until it is told")
    } else if exceptions_open > 0 {
        degraded(
            "WeChat refuses shipments: post them again as they should be, or its money stays where it is",
        )
    } else if is_older(uploads.due_since, OVERDUE_WARN) {
        degraded("shipments are due and nobody tells WeChat")
    } else if is_older(uploads.failing_since, FAILING_WARN) {
        degraded("WeChat does not take shipments; it is told again")
    } else {
        Check::ok("nothing is known that WeChat keeps money for")
    };
    let apps: Vec<Value> = sent.apps.iter().map(figure).collect();
    check
        .figure("unshipped_24h", unshipped)
        .figure("unshipped_48h", unshipped_late)
        .figure("oldest_unshipped_paid_at", json!(oldest))
        .figure("uploads_waiting", uploads.waiting)
        .figure("uploads_failing", uploads.failing)
        .figure("oldest_failing_at", json!(uploads.failing_since))
        .figure("exceptions_open", exceptions_open)
        .figure("mini_programs", apps)
}

fn figure(app: &ManagedApp) -> Value {
    json!({
        "app_id": app.app_id,
        "is_managed": app.is_managed,
        "asked_at": app.asked_at,
        "controlled_at": app.controlled_at,
        "access_reminded_at": app.access_reminded_at,
        "unshipped_24h": app.unshipped,
        "unshipped_48h": app.unshipped_late,
        "oldest_unshipped_paid_at": app.oldest_paid_at,
    })
}
