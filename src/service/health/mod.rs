//! The state of everything, as an operator wants it at three in the morning.

mod access_tokens;
mod data_keys;
mod database;
pub mod doctor;
mod files;
mod notifications;
mod pay_keys;
mod push;
mod shipments;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

pub use database::{Readiness, judge_readiness};

use crate::domain::exception::Concern;
use crate::service::{Context, reencryption};
use crate::store;
use crate::store::health::Figures;
use crate::store::recorder::{RefusedFigure, UnknownSerial};

/// A clock that differs from WeChat's by more than this is a warning: notifications are refused at
/// five minutes.
const SKEW_WARN_S: i64 = 60;
/// An event that waits for longer than this is a warning: its receiver was away for several tries.
const EVENT_AGE_WARN: TimeDelta = TimeDelta::minutes(15);

/// A question to WeChat, or the close of an order, that is overdue for longer than this is a warning:
/// the loops look every few seconds.
const OVERDUE_WARN_S: i64 = 120;

/// How a part, or the whole, is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// As it should be.
    Ok,
    /// Works, and needs a look.
    Degraded,
    /// Does not work.
    Down,
}

/// One part: its status, a sentence, and figures beside them.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Check {
    status: Status,
    detail: String,
    #[serde(flatten)]
    #[schema(value_type = Object, additional_properties)]
    figures: Map<String, Value>,
}

impl Check {
    fn new(status: Status, detail: impl Into<String>) -> Self {
        Self {
            status,
            detail: detail.into(),
            figures: Map::new(),
        }
    }

    fn ok(detail: impl Into<String>) -> Self {
        Self::new(Status::Ok, detail)
    }

    fn figure(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.figures.insert(name.to_owned(), value.into());
        self
    }
}

/// The whole state.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Health {
    status: Status,
    version: &'static str,
    /// Seconds since the start.
    uptime_s: i64,
    checks: Checks,
}

impl Health {
    /// Whether the server cannot serve.
    pub fn is_down(&self) -> bool {
        self.status == Status::Down
    }
}

/// The parts.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Checks {
    database: Check,
    migrations: Check,
    access_tokens: Check,
    pay_keys: Check,
    notifications: Check,
    orders: Check,
    refunds: Check,
    shipments: Check,
    events: Check,
    push: Check,
    files: Check,
    data_keys: Check,
    clock: Check,
}

/// Looks at everything now.
pub async fn read(context: &Context) -> Health {
    let now = context.clock.now();
    let migrations = database::migrations(context).await;
    let figures = match migrations.status {
        Status::Ok => store::health::figures(&context.db, now).await.ok(),
        Status::Degraded | Status::Down => None,
    };
    let recorded = match &figures {
        Some(_) => recorded(context, now).await.ok(),
        None => None,
    };
    let files = match &figures {
        Some(_) => files::figures(context, now).await.ok(),
        None => None,
    };
    let tokens = match &figures {
        Some(_) => access_tokens::states(context, now).await.ok(),
        None => None,
    };
    let sent = match &figures {
        Some(_) => shipments::figures(context, now).await.ok(),
        None => None,
    };
    let sealed = match &figures {
        Some(_) => reencryption::standing(context).await.ok(),
        None => None,
    };
    let checks = Checks {
        database: database::check(context, figures.as_ref()),
        migrations,
        access_tokens: access_tokens::check(context, tokens.as_deref(), now),
        pay_keys: pay_keys::check(context.merchant.as_ref(), recorded.as_ref(), now),
        notifications: notifications(figures.as_ref(), recorded.as_ref(), now),
        orders: orders(context, figures.as_ref(), now),
        refunds: refunds(figures.as_ref()),
        shipments: shipments::check(figures.as_ref(), sent.as_ref(), now),
        events: events(context, figures.as_ref(), now),
        push: figures.as_ref().map_or_else(unseen, |figures| {
            push::check(context, figures.push_newest_at, now)
        }),
        files: files.map_or_else(unseen, |figures| files::check(context, figures, now)),
        data_keys: data_keys::check(context, sealed.as_ref()),
        clock: clock(context, figures.as_ref(), now),
    };
    let status = worst(&checks);
    let uptime_s = now.signed_duration_since(context.started_at).num_seconds();
    Health {
        status,
        version: env!("CARGO_PKG_VERSION"),
        uptime_s,
        checks,
    }
}

fn worst(checks: &Checks) -> Status {
    let Checks {
        database,
        migrations,
        access_tokens,
        pay_keys,
        notifications,
        orders,
        refunds,
        shipments,
        events,
        push,
        files,
        data_keys,
        clock,
    } = checks;
    [
        database,
        migrations,
        access_tokens,
        pay_keys,
        notifications,
        orders,
        refunds,
        shipments,
        events,
        push,
        files,
        data_keys,
        clock,
    ]
    .into_iter()
    .map(|check| check.status)
    .max()
    .unwrap_or(Status::Ok)
}

fn unseen() -> Check {
    Check::new(Status::Degraded, "cannot be seen while the database is away")
}

/// What the recorder says.
#[derive(Debug, Default)]
struct Recorded {
    /// When each key last signed a notification.
    serials: BTreeMap<String, DateTime<Utc>>,
    refused: Vec<RefusedFigure>,
    /// Keys that refused ones named.
    unknown_serials: Vec<UnknownSerial>,
}

async fn recorded(context: &Context, now: DateTime<Utc>) -> Result<Recorded, store::Error> {
    let since = now - notifications::LOOKED_BACK;
    Ok(Recorded {
        serials: store::recorder::serials(&context.db).await?,
        refused: store::recorder::refused_since(&context.db, since).await?,
        unknown_serials: pay_keys::unknown_serials(&context.db, since).await?,
    })
}

fn notifications(figures: Option<&Figures>, recorded: Option<&Recorded>, now: DateTime<Utc>) -> Check {
    let (Some(figures), Some(recorded)) = (figures, recorded) else {
        return unseen();
    };
    let newest_at = recorded.serials.values().max().copied();
    notifications::check(
        figures.open_of(Concern::Notifications),
        newest_at,
        &recorded.refused,
        now,
    )
}

fn orders(context: &Context, figures: Option<&Figures>, now: DateTime<Utc>) -> Check {
    let Some(figures) = figures else { return unseen() };
    let age_s = |since: Option<DateTime<Utc>>| since.map(|at| now.signed_duration_since(at).num_seconds());
    let is_late = |age_s: Option<i64>| age_s.is_some_and(|age_s| age_s > OVERDUE_WARN_S);
    let check_overdue_s = age_s(figures.check_due_since);
    let close_overdue_s = age_s(figures.order_overdue_since);
    let rest_until = context.pay_rest.until(now);
    let open = figures.open_of(Concern::Orders);
    let check = if open > 0 {
        Check::new(Status::Degraded, "differences wait for a human")
    } else if rest_until.is_some() {
        Check::new(
            Status::Degraded,
            "WeChat Pay does not answer, or finds this server too frequent: its loops rest",
        )
    } else if is_late(check_overdue_s) {
        Check::new(
            Status::Degraded,
            "payments hang that WeChat should have been asked about",
        )
    } else if is_late(close_overdue_s) {
        Check::new(
            Status::Degraded,
            "orders past their time are not closed and hold their stock",
        )
    } else {
        Check::ok("no open difference, nothing overdue")
    };
    check
        .figure("awaiting_payment", figures.orders_awaiting)
        .figure("overdue", figures.orders_overdue)
        .figure("oldest_overdue_s", json!(close_overdue_s))
        .figure("attempts_unsettled", figures.attempts_unsettled)
        .figure("oldest_check_overdue_s", json!(check_overdue_s))
        .figure("resting_until", json!(rest_until))
        .figure("attempts_unknown", figures.attempts_unknown)
        .figure("exceptions_open", open)
        .figure("reconciled_until", json!(figures.reconciled_until))
        .figure("surplus_payments", figures.surplus_payments)
}

fn refunds(figures: Option<&Figures>) -> Check {
    let Some(figures) = figures else { return unseen() };
    let exceptions_open = figures.open_of(Concern::Refunds);
    let check = if figures.refunds_overdue > 0 {
        Check::new(Status::Degraded, "refunds are due and nobody looks at them")
    } else if figures.refunds_waiting > 0 {
        Check::new(
            Status::Degraded,
            "refunds wait: the balance is too small, a key is refused, or their merchant left the settings",
        )
    } else if figures.refunds_abnormal > 0 {
        Check::new(
            Status::Degraded,
            "refunds wait for a human: the payer's account takes no money",
        )
    } else if exceptions_open > 0 {
        Check::new(
            Status::Degraded,
            "refunds differ from what was wanted, and wait for a human",
        )
    } else {
        Check::ok("every refund is done or on its way")
    };
    check
        .figure("exceptions_open", exceptions_open)
        .figure("open", figures.refunds_open)
        .figure("waiting", figures.refunds_waiting)
        .figure("abnormal", figures.refunds_abnormal)
        .figure("overdue", figures.refunds_overdue)
}

fn events(context: &Context, figures: Option<&Figures>, now: DateTime<Utc>) -> Check {
    let Some(figures) = figures else { return unseen() };
    let age = figures.event_pending_at.map(|at| now.signed_duration_since(at));
    let (parked, open) = (figures.events_parked, figures.open_of(Concern::Events));
    let check = match &context.webhook {
        _ if parked > 0 || open > 0 => Check::new(
            Status::Degraded,
            "events were not taken, and later ones of their orders wait: send them again, or give them up",
        ),
        Some(_) if age.is_some_and(|age| age > EVENT_AGE_WARN) => Check::new(
            Status::Degraded,
            "the receiver does not take events; they are tried again",
        ),
        Some(_) => Check::ok("told on as they happen"),
        None if figures.events_pending > 0 => Check::new(
            Status::Degraded,
            "events wait from a time when there was an EVENTS_WEBHOOK_URL; nobody sends them",
        ),
        None => Check::ok("written down; nobody is told, since there is no EVENTS_WEBHOOK_URL"),
    };
    check
        .figure("written", figures.events)
        .figure("pending", figures.events_pending)
        .figure("oldest_pending_at", json!(figures.event_pending_at))
        .figure("oldest_pending_age_s", json!(age.map(|age| age.num_seconds())))
        .figure("parked", parked)
        .figure("exceptions_open", open)
}

fn clock(context: &Context, figures: Option<&Figures>, now: DateTime<Utc>) -> Check {
    let upstream = &context.mini_programs.upstream;
    let (wechat_s, seen_at) = (upstream.clock_skew_s(), upstream.clock_seen_at());
    let database_s = figures.map(|figures| figures.database_now.signed_duration_since(now).num_seconds());
    let worst_s = wechat_s.into_iter().chain(database_s).map(i64::abs).max();
    let check = match worst_s {
        Some(skew) if skew > SKEW_WARN_S => Check::new(
            Status::Degraded,
            "this machine's clock differs: WeChat refuses and is refused at 300 s",
        ),
        _ => Check::ok("agrees"),
    };
    check
        .figure("wechat_skew_s", json!(wechat_s))
        .figure("wechat_seen_at", json!(seen_at))
        .figure("skew_warn_s", SKEW_WARN_S)
        .figure("database_skew_s", json!(database_s))
}
