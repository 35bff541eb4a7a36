//! A message that one of the owner's services asks for.
//!
//! It is written down before it is sent, so that within a key it is sent once. One to a user is on its way at a
//! time, over all replicas; others wait for their turn, within a bound. All of it runs in a task of its own, since
//! a service that goes away must not leave a message that nobody knows of.

use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest};
use serde_json::json;
use uuid::Uuid;

use super::Message;
use super::outcome::{LEASE, Outcome, attempt, end_abandoned, refused, write_down};
use crate::domain::id::MessageId;
use crate::domain::name::{AppId, DedupKey};
use crate::error::{AppError, ErrorCode};
use crate::service::Context;
use crate::service::mini::CallError;
use crate::store;
use crate::store::subscribe_grant::Recipient;
use crate::store::subscribe_message::{KeyedMessage, Lease, MessageState, NewMessage};

/// How long a message waits for earlier ones to the same user.
const TURN_WAIT_MAX: Duration = Duration::from_secs(8);
/// How often it looks.
const LOOK_EVERY: Duration = Duration::from_millis(50);
const MAY_BE_SENT: &str = "WeChat may have sent the message. Within its key it is not sent again; WeChat's report, if message push is set up, tells.";

/// A message that WeChat took.
#[derive(Clone, Debug)]
pub struct SentMessage {
    /// The message.
    pub id: MessageId,
    /// WeChat's number of it, if it told one.
    pub msgid: Option<String>,
    /// How many more of the template the user has allowed, as far as is known.
    pub remaining: Option<i32>,
}

/// What a request to send comes to.
#[derive(Clone, Debug)]
pub enum Sent {
    /// It was sent now.
    Now(SentMessage),
    /// An earlier request with its key has sent it.
    Before(SentMessage),
}

/// Sends a message, or gives what became of the one with its key.
///
/// # Errors
/// WeChat's refusals by name. After `wechat_timeout` and `wechat_unavailable` with a `detail` it may have been sent.
/// `request_in_progress` while another request with the key runs, `idempotency_key_reused` when that one asked for
/// something else, `recipient_busy` when earlier messages to the user took too long.
pub async fn send(
    context: &Arc<Context>,
    app_id: AppId,
    message: Message,
    key: Option<DedupKey>,
) -> Result<Sent, AppError> {
    let own = Arc::clone(context);
    let key = key.map(|key| (key, hash(&message)));
    let work = async move {
        let who = Recipient {
            app_id: &app_id,
            openid: &message.openid,
        };
        match begin(&own, who, &message, key.as_ref()).await? {
            Begun::New(id, token) => {
                let outcome = attempt(&own, &app_id, &message).await?;
                let written = write_down(&own, (id, token), &outcome).await?;
                let msgid = match written.msgid {
                    Some(msgid) => Some(msgid),
                    None => told(outcome)?,
                };
                Ok(Sent::Now(sent(&own, who, &message, (id, msgid)).await?))
            }
            Begun::Before(before) => {
                let hash = key.as_ref().map(|(_, hash)| hash.as_slice());
                if hash.is_some_and(|hash| hash != before.body_hash) {
                    return Err(AppError::new(ErrorCode::IdempotencyKeyReused));
                }
                let before = again(before)?;
                Ok(Sent::Before(sent(&own, who, &message, before).await?))
            }
        }
    };
    context.detached(work).await
}

/// SHA-256 of what a message says; to whom and from which template, the key says.
fn hash(message: &Message) -> Vec<u8> {
    let said = json!([
        message.page,
        message.data,
        message.state.as_str(),
        message.lang.as_str()
    ]);
    digest(&SHA256, said.to_string().as_bytes()).as_ref().to_vec()
}

enum Begun {
    New(MessageId, Uuid),
    Before(KeyedMessage),
}

/// Writes the message down as soon as no other one to the user is on its way.
async fn begin(
    context: &Context,
    who: Recipient<'_>,
    message: &Message,
    key: Option<&(DedupKey, Vec<u8>)>,
) -> Result<Begun, AppError> {
    let id = MessageId::from(context.entropy.uuid(context.clock.now())?);
    let token = Uuid::from_bytes(context.entropy.bytes()?);
    let new = NewMessage {
        id,
        who,
        template_id: &message.template_id,
        key: key.map(|(key, hash)| (key, hash.as_slice())),
    };
    let started = Instant::now();
    loop {
        let now = context.clock.now();
        let lease = Lease {
            token,
            until: now + LEASE,
        };
        if store::subscribe_message::insert_sending(&context.db, &new, lease, now).await? {
            return Ok(Begun::New(id, token));
        }
        end_abandoned(context, Some(who)).await?;
        if let Some((key, _)) = key
            && let Some(before) =
                store::subscribe_message::find_by_key(&context.db, who, &message.template_id, key).await?
        {
            return Ok(Begun::Before(before));
        }
        if started.elapsed() >= TURN_WAIT_MAX {
            return Err(AppError::new(ErrorCode::RecipientBusy));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// WeChat's number of a message that was sent; else what whoever asked is told.
fn told(outcome: Outcome) -> Result<Option<String>, AppError> {
    match outcome {
        Outcome::Sent(msgid) => Ok(msgid),
        Outcome::Refused(errcode) | Outcome::Unsent(CallError::Refused { errcode }) => Err(refused(errcode)),
        Outcome::Unknown(error) => Err(AppError::from(error).detail(MAY_BE_SENT)),
        Outcome::Unsent(error) => Err(error.into()),
        Outcome::Unfit => Err(AppError::new(ErrorCode::MessageUnfit)),
    }
}

/// What became of a message that was asked for before.
fn again(before: KeyedMessage) -> Result<(MessageId, Option<String>), AppError> {
    match before.state {
        MessageState::Sent => Ok((before.id, before.msgid)),
        MessageState::Refused => Err(before
            .errcode
            .map_or_else(|| AppError::new(ErrorCode::MessageUnfit), refused)),
        MessageState::Sending | MessageState::Pending => Err(AppError::new(ErrorCode::RequestInProgress)),
        MessageState::Unknown | MessageState::GivenUp => {
            Err(AppError::new(ErrorCode::WechatTimeout).detail(MAY_BE_SENT))
        }
    }
}

async fn sent(
    context: &Context,
    who: Recipient<'_>,
    message: &Message,
    (id, msgid): (MessageId, Option<String>),
) -> Result<SentMessage, AppError> {
    let remaining = store::subscribe_grant::find_remaining(&context.db, who, &message.template_id).await?;
    Ok(SentMessage { id, msgid, remaining })
}
