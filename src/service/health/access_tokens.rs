//! Whether WeChat takes our mini programs, and whether their access tokens are kept alive.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{Check, Status, unseen};
use crate::domain::access_token::{Failure, is_alive};
use crate::service::Context;
use crate::service::login::trouble::Refusal;
use crate::store;
use crate::store::token_health::TokenState;

/// Over which time tokens that somebody else had replaced are counted.
const LOOKED_BACK: TimeDelta = TimeDelta::hours(24);
/// So many of them are no accident.
const LOST_WARN: i64 = 2;
/// A refresh that is overdue for longer is a warning: the loop looks every fifteen seconds.
const OVERDUE_WARN: TimeDelta = TimeDelta::minutes(2);

const SOMEBODY_ELSE: &str = "somebody else fetches access tokens of a mini program and ends ours before their time: have the other \
    one use GET /internal/access-token, or stable_token without force_refresh; lost_24h says how often";

/// What the database says; nothing while it is away.
pub(super) async fn states(context: &Context, now: DateTime<Utc>) -> Result<Vec<TokenState>, store::Error> {
    let app_ids: Vec<String> = context
        .mini_programs
        .secrets
        .keys()
        .map(|app_id| app_id.as_str().to_owned())
        .collect();
    store::token_health::list(&context.db, &app_ids, now - LOOKED_BACK).await
}

pub(super) fn check(context: &Context, states: Option<&[TokenState]>, now: DateTime<Utc>) -> Check {
    let trouble = context.mini_programs.trouble.last();
    let programs = context.mini_programs.secrets.len();
    let Some(states) = states else {
        return trouble.as_ref().map_or_else(unseen, refused_login);
    };
    let worst = states.iter().find_map(|state| complaint(state, now));
    let lost = states.iter().any(|state| state.lost_count >= LOST_WARN);
    let check = match (worst, trouble) {
        (Some(complaint), _) => Check::new(Status::Degraded, complaint),
        (None, Some(refusal)) => refused_login(&refusal),
        (None, None) if lost => Check::new(Status::Degraded, SOMEBODY_ELSE),
        (None, None) if states.is_empty() => {
            Check::ok("WeChat has refused no app id or secret; no call has needed an access token")
        }
        (None, None) => Check::ok("alive, and refreshed before they die"),
    };
    let tokens: Vec<Value> = states.iter().map(|state| figure(state, now)).collect();
    check.figure("mini_programs", programs).figure("tokens", tokens)
}

fn refused_login(refusal: &Refusal) -> Check {
    Check::new(
        Status::Degraded,
        "WeChat refuses this mini program's id or secret, or its account",
    )
    .figure("app_id", refusal.app_id.as_str())
    .figure("wechat_errcode", refusal.errcode)
    .figure("at", json!(refusal.at))
}

/// What is wrong with one token, and what mends it.
fn complaint(state: &TokenState, now: DateTime<Utc>) -> Option<String> {
    let app_id = &state.app_id;
    let failure = state.failure.as_deref().map(Failure::parse);
    if let Some(failure) = failure {
        let is_live = is_live(state, now);
        return match failure.unwrap_or(Failure::Refused) {
            Failure::Refused => {
                let errcode = state.failure_errcode.unwrap_or_default();
                let cure = cure(errcode, state.failure_address.as_deref());
                Some(format!("WeChat gives {app_id} no access token: {cure}"))
            }
            Failure::QuotaUsedUp => Some(format!(
                "WeChat gives {app_id} no access token: its calls of today are used up, most likely by somebody else"
            )),
            // The old one does until it ends.
            Failure::Unavailable | Failure::Timeout | Failure::RateLimited if is_live => None,
            Failure::Unavailable | Failure::Timeout | Failure::RateLimited => Some(format!(
                "WeChat gives {app_id} no access token: it does not answer as it should"
            )),
        };
    }
    let is_overdue = state.due_at < now - OVERDUE_WARN && state.lease_until.is_none_or(|until| until <= now);
    is_overdue.then(|| format!("the access token of {app_id} is overdue, and nobody refreshes it"))
}

/// What mends a refusal; of this server's address, which WeChat saw.
pub(super) fn cure(errcode: i64, address: Option<&str>) -> String {
    let what = match errcode {
        40_164 => {
            let address = address.unwrap_or("this server");
            return format!(
                "the address {address} is not among those allowed; add it in WeChat's console (40164)"
            );
        }
        40_001 | 40_125 => "the app secret is wrong; set WECHAT_APP_SECRET to the one of WeChat's console",
        40_013 => "there is no such app id; look at WECHAT_APP_ID",
        40_243 => "the app secret is frozen; thaw it in WeChat's console",
        50_004 => "the interface is forbidden to this mini program",
        50_007 => "the account is frozen",
        89_503 => "its administrator must confirm this server's address, in a message of WeChat's",
        89_506 | 89_507 => "its administrator has refused this server's address for a while",
        _ => "WeChat says a number that says no more",
    };
    format!("{what} ({errcode})")
}

fn is_live(state: &TokenState, now: DateTime<Utc>) -> bool {
    state.refused_at.is_none() && state.expires_at.is_some_and(|at| is_alive(at, now))
}

fn figure(state: &TokenState, now: DateTime<Utc>) -> Value {
    json!({
        "app_id": state.app_id,
        "is_live": is_live(state, now),
        "issuer": state.issuer,
        "obtained_at": state.obtained_at,
        "expires_at": state.expires_at,
        "due_at": state.due_at,
        "failure": state.failure,
        "wechat_errcode": state.failure_errcode,
        "address_seen": state.failure_address,
        "failed_since": state.failed_since,
        "resting_until": state.rest_until.filter(|until| *until > now),
        "lost_24h": state.lost_count,
        "refreshes": state.refreshes.0,
    })
}
