//! What WeChat pushes: verified, written down once with whatever it changes, and only then answered.

pub mod effect;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use crate::domain::id::EventId;
use crate::domain::name::AppId;
use crate::error::{AppError, ErrorCode};
use crate::service::Context;
use crate::store;
use crate::store::push_message::NewPushMessage;
use crate::telemetry;
use crate::wechat::push::{Knock, PushKeys, PushMessage, PushQuery, Refusal};

pub use watch::{Seen, Watch};

/// How long an answer may take. WeChat waits for five seconds; what is not done by then is done all the
/// same, and its repetition finds it.
const ANSWER_WITHIN: Duration = Duration::from_secs(4);

/// The handshake was answered.
const SHAKEN: &str = "handshake";
/// Written down and told on.
const TAKEN: &str = "taken";
/// Written down before.
const DUPLICATE: &str = "duplicate";
/// A test of the path, which says nothing.
const PATH_CHECK: &str = "path_check";

/// Answers the handshake of WeChat's console: what it wants back. Any refusal is answered alike.
///
/// # Errors
/// See [`Refusal`].
pub fn shake_hands(context: &Context, app_id: &str, query: &str) -> Result<String, Refusal> {
    let shaken = addressee(context, app_id).and_then(|(app_id, keys)| {
        let query = &PushQuery::parse(query)?;
        let now = context.clock.now();
        let knock = Knock {
            app_id,
            keys,
            query,
            now,
        };
        knock.shake_hands().map(str::to_owned).inspect_err(|refusal| {
            context.mini_programs.pushes.note_refused(app_id, *refusal, now);
        })
    });
    match &shaken {
        Ok(_) => telemetry::count_push(SHAKEN),
        Err(refusal) => note_refused(app_id, *refusal),
    }
    shaken
}

/// Receives a push. Ok: its effect is durable, or it had it before. Any refusal is answered alike.
///
/// # Errors
/// When the database fails, or is slow: WeChat will push again.
pub async fn receive(
    context: &Arc<Context>,
    app_id: &str,
    query: &str,
    body: &[u8],
) -> Result<Result<(), Refusal>, AppError> {
    let (app_id, text, message) = match open(context, app_id, query, body) {
        Ok(opened) => opened,
        Err(refusal) => {
            note_refused(app_id, refusal);
            return Ok(Err(refusal));
        }
    };
    let shared = Arc::clone(context);
    let taking = context.detached(async move {
        let verdict = take(&shared, &app_id, &text, &message).await?;
        telemetry::count_push(verdict);
        shared
            .mini_programs
            .pushes
            .note_taken(&app_id, shared.clock.now());
        Ok(())
    });
    match tokio::time::timeout(ANSWER_WITHIN, taking).await {
        Ok(taken) => taken.map(Ok),
        Err(_) => Err(AppError::new(ErrorCode::Unavailable).caused_by("a push took too long to be taken")),
    }
}

/// Notes a push whose body could not be read.
pub fn note_unreadable(app_id: &str) {
    note_refused(app_id, Refusal::BodyUnreadable);
}

/// The mini program of a path, if WeChat pushes for it.
fn addressee<'a>(context: &'a Context, app_id: &str) -> Result<(&'a AppId, &'a PushKeys), Refusal> {
    let known = AppId::parse(app_id).ok();
    known
        .and_then(|id| context.mini_programs.push.get_key_value(&id))
        .ok_or(Refusal::NotConfigured)
}

fn open(
    context: &Context,
    app_id: &str,
    query: &str,
    body: &[u8],
) -> Result<(AppId, Vec<u8>, PushMessage), Refusal> {
    let (app_id, keys) = addressee(context, app_id)?;
    let query = &PushQuery::parse(query)?;
    let now = context.clock.now();
    let knock = Knock {
        app_id,
        keys,
        query,
        now,
    };
    let (text, message) = knock.receive(body).inspect_err(|refusal| {
        context.mini_programs.pushes.note_refused(app_id, *refusal, now);
    })?;
    Ok((app_id.clone(), text, message))
}

/// Writes a message down with what it changes, in one transaction, and gives the verdict. A repetition
/// changes nothing.
async fn take(
    context: &Context,
    app_id: &AppId,
    text: &[u8],
    message: &PushMessage,
) -> Result<&'static str, AppError> {
    if message.is_path_check {
        return Ok(PATH_CHECK);
    }
    let now = context.clock.now();
    let id = EventId::from(context.entropy.uuid(now)?);
    let place = store::push_message::place(id);
    let sealed = context
        .vault
        .seal(&place, text, context.entropy)
        .map_err(AppError::internal)?;
    let new = NewPushMessage {
        id,
        app_id,
        kind: &message.kind,
        identity: &message.identity,
        sealed: &sealed,
        received_at: now,
        is_told: context.webhook.is_some(),
    };
    let mut tx = context.db.begin().await?;
    if !store::push_message::insert(&mut tx, &new).await? {
        return Ok(DUPLICATE);
    }
    effect::apply(context, &mut tx, app_id, message, now).await?;
    tx.commit().await?;
    context.alarms.push_events.set(now);
    tracing::info!(app.id = %app_id, event.id = %id, push.kind = message.kind, "a push was taken");
    Ok(TAKEN)
}

/// What only the holder of the token can send deserves a look; strangers do not fill the log.
fn note_refused(app_id: &str, refusal: Refusal) {
    let verdict = refusal.as_str();
    telemetry::count_push(verdict);
    if refusal.is_signed() {
        tracing::warn!(app.id = app_id, push.verdict = verdict, reason = %refusal, "a push was refused");
    } else {
        tracing::debug!(push.verdict = verdict, "a push was refused");
    }
}
