//! Whether WeChat's notifications get through.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value, json};

use super::{Check, Status};
use crate::store::recorder::RefusedFigure;

/// Over which time refusals are counted.
pub(super) const LOOKED_BACK: TimeDelta = TimeDelta::hours(24);

/// Refusals that no stranger can provoke, and what mends them.
const OURS: [(&str, &str); 5] = [
    (
        "decrypt_failed",
        "WeChat's notifications are refused, since the APIv3 key does not open them: set WXPAY_API_V3_KEY",
    ),
    (
        "clock_off",
        "WeChat's notifications are refused, since this machine's clock is off: set it (NTP)",
    ),
    (
        "body_reserialised",
        "WeChat's notifications are refused, since something in front of this server rewrites their bodies",
    ),
    (
        "unsupported_algorithm",
        "WeChat's notifications are refused, since they are sealed in an unknown way",
    ),
    (
        "not_json",
        "WeChat's notifications are refused, since they cannot be read",
    ),
];

/// The figures beside a check, and what is wrong if the newest of WeChat's own was refused.
pub(super) fn check(
    exceptions_open: i64,
    newest_at: Option<DateTime<Utc>>,
    refused: &[RefusedFigure],
    now: DateTime<Utc>,
) -> Check {
    let ours = OURS.iter().filter_map(|(verdict, cure)| {
        let figure = refused.iter().find(|figure| figure.verdict == *verdict)?;
        Some((figure.newest_at, *cure))
    });
    let newest = ours.max_by_key(|(at, _)| *at);
    let check = match newest {
        // One that got through since then says that it is mended.
        Some((at, cure)) if newest_at.is_none_or(|believed_at| believed_at < at) => {
            Check::new(Status::Degraded, cure)
        }
        _ if exceptions_open > 0 => Check::new(
            Status::Degraded,
            "WeChat signed something that cannot be read: see the exceptions",
        ),
        _ => Check::ok("what is believed is recorded, and a sample of what is refused"),
    };
    let counts: Map<String, Value> = refused
        .iter()
        .map(|figure| (figure.verdict.clone(), json!(figure.count)))
        .collect();
    let age_s = newest_at.map(|at| now.signed_duration_since(at).num_seconds());
    check
        .figure("exceptions_open", exceptions_open)
        .figure("newest_at", json!(newest_at))
        .figure("newest_age_s", json!(age_s))
        .figure("refused_recorded_24h", counts)
}
