//! Message push on the health page: whether what WeChat pushes is taken.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;

use super::{Check, Status};
use crate::service::Context;
use crate::wechat::push::Refusal;

/// How long a refusal that the operator can mend is told, unless a push was taken since.
const LOOKED_BACK: TimeDelta = TimeDelta::hours(1);

/// What is said of it. `newest_at` is when any server took the last push.
pub(super) fn check(context: &Context, newest_at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Check {
    let programs = &context.mini_programs;
    let last = programs
        .pushes
        .seen()
        .into_iter()
        .filter_map(|(app_id, seen)| {
            let (refusal, at) = seen.refused?;
            let is_over = seen.taken_at.is_some_and(|taken_at| taken_at >= at) || at < now - LOOKED_BACK;
            (!is_over).then_some((at, app_id, refusal))
        })
        .max_by_key(|(at, _, _)| *at);
    let trouble = last.as_ref().and_then(|(_, _, refusal)| cure(*refusal));
    let check = match trouble {
        Some(trouble) => Check::new(Status::Degraded, trouble),
        None if programs.push.is_empty() => Check::ok("not set up: there is no WECHAT_PUSH_TOKEN"),
        None => Check::ok("what WeChat pushes is taken"),
    };
    let refused =
        last.map(|(at, app_id, refusal)| json!({"app_id": app_id, "verdict": refusal.as_str(), "at": at}));
    check
        .figure("apps", programs.push.len())
        .figure("newest_at", json!(newest_at))
        .figure("refused", json!(refused))
}

/// What the operator can do about a refusal; none where it is nobody's fault here, such as an old push
/// that somebody sends again. A clock that is off has a check of its own.
fn cure(refusal: Refusal) -> Option<&'static str> {
    match refusal {
        Refusal::PlainRefused => Some(
            "WeChat pushes in the clear although an AES key is set: choose the safe mode in WeChat's console, or take \
            the key away",
        ),
        Refusal::KeyMissing => Some(
            "WeChat seals its pushes and no AES key is set: set WECHAT_PUSH_AES_KEY, or choose the plain mode",
        ),
        Refusal::Unopened => Some("pushes do not open: the AES key is another one than in WeChat's console"),
        Refusal::AppMismatch => Some(
            "pushes are sealed for another mini program: the URL in WeChat's console ends with the app id",
        ),
        Refusal::Message(_) => Some("WeChat pushed and sealed what is neither JSON nor plain XML"),
        Refusal::Stale { .. }
        | Refusal::Future { .. }
        | Refusal::NotConfigured
        | Refusal::QueryMalformed
        | Refusal::BodyUnreadable
        | Refusal::Body(_)
        | Refusal::SignatureWrong => None,
    }
}
