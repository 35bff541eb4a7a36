//! What is checked before it is kept, if the settings say so: names in profiles, and notes of orders.
//!
//! WeChat's "risky" is refused. Its "review" is taken: it wants a human, and there is none at this gate; the metric tells how
//! often. A user has so many checks a day, and so many places among those who wait: WeChat's calls are the whole mini
//! program's. When nothing is known of the text, a name waits, since it is shown to others and can be given again; an
//! order does not, since it is money and its note is read by the shop alone.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Semaphore;

use super::text::{ask as ask_wechat, count};
use super::{TextCheck, TextFindings};
use crate::domain::allowance::{ALLOWANCE_TIME, allowance_wait_s};
use crate::domain::content_check::{CHECKS_PER_USER, Decision, Scene};
use crate::domain::id::UserId;
use crate::error::{AppError, ErrorCode, FieldError};
use crate::service::Context;
use crate::service::login::session::LiveSession;
use crate::store;

/// How many requests wait for a check at the same time in one process, so that a slow WeChat takes no more than these
/// from those who do not need it.
const PLACES: usize = 64;
/// How many of them one user holds.
const PLACES_PER_USER: u32 = 8;
/// How long a user waits for a place, in seconds.
const PLACE_WAIT_S: u32 = 5;
/// How long an order waits for the check of its note.
const ORDER_PATIENCE: Duration = Duration::from_secs(2);
/// How long a name waits.
const NAME_PATIENCE: Duration = Duration::from_secs(5);

/// What is checked before it is kept.
#[derive(Debug)]
pub struct Gate {
    /// Names in profiles.
    pub has_profile: bool,
    /// Notes of orders.
    pub has_order_note: bool,
    places: Semaphore,
    /// How many places each user holds; those who hold none are not in it.
    held: Mutex<HashMap<UserId, u32>>,
}

impl Gate {
    /// Nobody waits yet.
    pub fn new(has_profile: bool, has_order_note: bool) -> Self {
        Self {
            has_profile,
            has_order_note,
            places: Semaphore::new(PLACES),
            held: Mutex::default(),
        }
    }

    fn held(&self) -> MutexGuard<'_, HashMap<UserId, u32>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more place for a user, unless they hold enough.
    fn enter(&self, user_id: UserId) -> Option<Turn<'_>> {
        let mut held = self.held();
        let own = held.entry(user_id).or_default();
        if *own >= PLACES_PER_USER {
            return None;
        }
        *own = own.saturating_add(1);
        Some(Turn(self, user_id))
    }
}

/// A place of a user, given back when it is dropped.
struct Turn<'a>(&'a Gate, UserId);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut held = self.0.held();
        let left = held.get(&self.1).map_or(0, |own| own.saturating_sub(1));
        if left == 0 {
            held.remove(&self.1);
        } else {
            held.insert(self.1, left);
        }
    }
}

/// Lets a name pass that WeChat does not refuse.
///
/// # Errors
/// `content_rejected`; `rate_limited` for whoever has had too many checked; what keeps WeChat from saying anything, and
/// `unavailable` when too many wait for it.
pub async fn check_nickname(
    context: &Arc<Context>,
    session: &LiveSession,
    nickname: &str,
) -> Result<(), AppError> {
    let check = TextCheck {
        nickname: Some(nickname.to_owned()),
        ..text(nickname, Scene::Profile)
    };
    let _turn = admit(context, session.user_id).await?;
    let found = ask(context, session, &check, NAME_PATIENCE).await;
    count("profile", found.as_ref().ok());
    judge(&found?, "/nickname")
}

/// Lets a note pass that WeChat does not refuse, or that WeChat says nothing about in time. Whoever has had too many
/// checked is refused all the same: else it would be the way past the check.
///
/// # Errors
/// `content_rejected`, and `rate_limited` for whoever has had too many checked.
pub async fn check_order_note(
    context: &Arc<Context>,
    session: &LiveSession,
    note: &str,
) -> Result<(), AppError> {
    let check = text(note, Scene::Comment);
    let _turn = admit(context, session.user_id).await?;
    let found = ask(context, session, &check, ORDER_PATIENCE).await;
    count("order_note", found.as_ref().ok());
    match found {
        Ok(found) => judge(&found, "/note"),
        Err(error) => {
            let (code, causes) = (error.code().row().text, error.causes());
            tracing::warn!(user.id = %session.user_id, code, error = causes, "the note of an order is kept unchecked");
            Ok(())
        }
    }
}

fn text(content: &str, scene: Scene) -> TextCheck {
    TextCheck {
        content: content.to_owned(),
        scene,
        title: None,
        nickname: None,
        signature: None,
    }
}

/// Lets a user ask who does not wait for too many checks already, and has one left today; counts it.
async fn admit(context: &Context, user_id: UserId) -> Result<Turn<'_>, AppError> {
    let refusal = |detail: String, wait_s| {
        AppError::new(ErrorCode::RateLimited)
            .detail(detail)
            .retry_after_s(wait_s)
    };
    let Some(turn) = context.gate.enter(user_id) else {
        let detail = format!("At most {PLACES_PER_USER} names and notes of a user are checked at once.");
        return Err(refusal(detail, PLACE_WAIT_S));
    };
    let now = context.clock.now();
    let day_ago = now - ALLOWANCE_TIME;
    if store::content_check_allowance::take(&context.db, user_id, now, day_ago, CHECKS_PER_USER).await? {
        return Ok(turn);
    }
    let since = store::content_check_allowance::find_since(&context.db, user_id).await?;
    let detail = format!("At most {CHECKS_PER_USER} names and notes of a user are checked a day.");
    Err(refusal(detail, allowance_wait_s(since.unwrap_or(now), now)))
}

async fn ask(
    context: &Arc<Context>,
    session: &LiveSession,
    check: &TextCheck,
    patience: Duration,
) -> Result<TextFindings, AppError> {
    let crowded = |_| AppError::new(ErrorCode::Unavailable).detail("Too many wait for WeChat's check.");
    let _place = context.gate.places.try_acquire().map_err(crowded)?;
    let asking = ask_wechat(context, &session.app_id, &session.openid, check);
    let asked = tokio::time::timeout(patience, asking).await;
    asked.unwrap_or_else(|_| Err(AppError::new(ErrorCode::WechatTimeout)))
}

fn judge(found: &TextFindings, pointer: &str) -> Result<(), AppError> {
    match found.verdict.decision {
        Decision::Pass | Decision::Review => Ok(()),
        Decision::Reject => {
            let detail = format!("WeChat finds: {}", found.verdict.reason.as_str());
            let field = FieldError::new(pointer, "content", detail);
            Err(AppError::new(ErrorCode::ContentRejected).with_fields(vec![field]))
        }
    }
}
