//! What one try to send a message comes to, and writing it down.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use uuid::Uuid;

use crate::domain::id::{MessageId, OrderId};
use crate::domain::name::{AppId, TemplateId};
use crate::domain::subscribe::{AFTER_UNKNOWN, QUOTA_GAP, TRIES_MAX, gap};
use crate::error::{AppError, ErrorCode};
use crate::service::Context;
use crate::service::mini::{self, CallError};
use crate::store;
use crate::store::subscribe_grant::Recipient;
use crate::store::subscribe_message::{EndedTry, LockedMessage, MessageState};
use crate::telemetry;
use crate::wechat::mini::subscribe::{self, Message, Refusal, refusal};

/// How long whoever sends is waited for: longer than two tokens and all calls of a try may take.
pub(super) const LEASE: TimeDelta = TimeDelta::minutes(1);
/// The waits after WeChat said that another message to the same user is on its way.
const PARALLEL_WAITS: [Duration; 3] = [
    Duration::from_millis(100),
    Duration::from_millis(300),
    Duration::from_millis(900),
];
/// WeChat's number for that.
const QUOTA_USED_UP: i64 = 45_009;
/// The waits of whoever has WeChat's answer and no database to write it to: nobody else will ever know. Together with what
/// the database itself is waited for they end within the lease.
const WRITE_WAITS: [Duration; 5] = [
    Duration::from_millis(100),
    Duration::from_millis(300),
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(10),
];

/// What a try came to.
#[derive(Debug)]
pub(super) enum Outcome {
    /// WeChat took it, under this number if it told one.
    Sent(Option<String>),
    /// WeChat does not take it, for good.
    Refused(i64),
    /// Its values do not fit, and WeChat was not asked.
    Unfit,
    /// Nobody knows.
    Unknown(CallError),
    /// WeChat did not take it; later it may.
    Unsent(CallError),
}

impl Outcome {
    /// WeChat's number, where it said one.
    pub(super) fn errcode(&self) -> Option<i64> {
        match self {
            Self::Refused(errcode) | Self::Unsent(CallError::Refused { errcode }) => Some(*errcode),
            Self::Sent(_) | Self::Unfit | Self::Unknown(_) | Self::Unsent(_) => None,
        }
    }
}

/// Calls WeChat, again and again within a bound while another message to the same user is on its way there.
pub(super) async fn attempt(
    context: &Arc<Context>,
    app_id: &AppId,
    message: &Message,
) -> Result<Outcome, AppError> {
    let call = subscribe::call(message).map_err(AppError::internal)?;
    let mut waits = PARALLEL_WAITS.into_iter();
    loop {
        let told = mini::call(context, app_id, &call).await;
        // What says neither that it is taken nor that it is not leaves open whether it is.
        match told.and_then(|reply| Ok(reply.done().map(|()| reply)?)) {
            Ok(reply) => return Ok(Outcome::Sent(subscribe::msgid(&reply))),
            Err(error) => match judge(error) {
                Outcome::Unsent(CallError::Refused { errcode }) if refusal(errcode) == Refusal::Parallel => {
                    match waits.next() {
                        Some(wait) => tokio::time::sleep(wait).await,
                        None => return Ok(Outcome::Unsent(CallError::Refused { errcode })),
                    }
                }
                outcome => return Ok(outcome),
            },
        }
    }
}

fn judge(error: CallError) -> Outcome {
    match error {
        CallError::Refused { errcode } => match refusal(errcode) {
            // The rest may be a right that the mini program lacks for now.
            Refusal::Parallel | Refusal::Passing | Refusal::Other => Outcome::Unsent(error),
            Refusal::NotGranted
            | Refusal::OpenId
            | Refusal::Template
            | Refusal::Blocked
            | Refusal::Words
            | Refusal::Data => Outcome::Refused(errcode),
        },
        CallError::Unavailable | CallError::Timeout | CallError::TooLong => Outcome::Unknown(error),
        CallError::NoToken { .. } | CallError::Unreached | CallError::Own(_) => Outcome::Unsent(error),
    }
}

/// What is given up, with what belongs to it: nobody hears of the order by this message.
pub(super) struct GivenUp<'a> {
    /// The mini program.
    pub(super) app_id: &'a AppId,
    /// The template.
    pub(super) template_id: &'a TemplateId,
    /// The order.
    pub(super) order_id: OrderId,
    /// What happened to it.
    pub(super) event: &'a str,
}

impl GivenUp<'_> {
    /// Says so aloud; the errcode is WeChat's last word, if it had one.
    pub(super) fn note(&self, errcode: Option<i64>) {
        tracing::warn!(
            app.id = %self.app_id, order.id = %self.order_id, template.id = %self.template_id, event.kind = self.event,
            errcode, "a subscribe message about an order is given up"
        );
    }
}

/// Ends what dead senders left to one user, or to anybody; tells how many.
pub(super) async fn end_abandoned(context: &Context, who: Option<Recipient<'_>>) -> Result<usize, AppError> {
    let now = context.clock.now();
    let ended = store::subscribe_message::update_abandoned(&context.db, who, TRIES_MAX, now).await?;
    for message in &ended {
        telemetry::count_subscribe_message(message.state.as_str());
        let subject = message
            .subject
            .as_ref()
            .filter(|_| message.state == MessageState::GivenUp);
        if let Some((order_id, event)) = subject {
            let given_up = GivenUp {
                app_id: &message.app_id,
                template_id: &message.template_id,
                order_id: *order_id,
                event,
            };
            given_up.note(None);
        }
    }
    Ok(ended.len())
}

/// What was written down of a try.
#[derive(Debug)]
pub(super) struct Written {
    /// WeChat's number of the message if its report has told what the answer did not.
    pub(super) msgid: Option<String>,
    /// Whether it is not tried any more, though WeChat never said that it will not take it.
    pub(super) is_given_up: bool,
}

/// Writes down what a try came to, together with what it does to the count of what the user has allowed; again and again within
/// a bound while the database is away. A try whose holder was taken for dead and whose message went to somebody else changes nothing.
pub(super) async fn write_down(
    context: &Context,
    held: (MessageId, Uuid),
    outcome: &Outcome,
) -> Result<Written, AppError> {
    let mut waits = WRITE_WAITS.into_iter();
    loop {
        match write_once(context, held, outcome).await {
            Err(error @ (store::Error::Unavailable(_) | store::Error::Busy(_)))
                if let Some(wait) = waits.next() =>
            {
                let error = AppError::from(error);
                tracing::warn!(message.id = %held.0, error = error.causes(), "what WeChat said of a subscribe message waits for the database");
                tokio::time::sleep(wait).await;
            }
            written => return Ok(written?),
        }
    }
}

async fn write_once(
    context: &Context,
    (id, token): (MessageId, Uuid),
    outcome: &Outcome,
) -> Result<Written, store::Error> {
    let now = context.clock.now();
    let mut tx = context.db.begin().await?;
    let Some(locked) = store::subscribe_message::lock_sending(&mut tx, id, token).await? else {
        return Ok(Written {
            msgid: None,
            is_given_up: false,
        });
    };
    let (who, template_id) = (locked.who(), &locked.template_id);
    let (ended, has_report) = (ended(context, &locked, outcome)?, is_reported(&locked, outcome));
    match &ended {
        Some(ended) => store::subscribe_message::update_ended(&mut tx, id, ended, now).await?,
        None => store::subscribe_message::delete(&mut tx, id).await?,
    }
    let is_sent = ended.is_some_and(|ended| ended.state == MessageState::Sent);
    if is_sent && (!has_report || locked.told_errcode.is_none_or(|errcode| errcode == 0)) {
        store::subscribe_grant::update_used(&mut tx, who, template_id, now).await?;
    }
    // It told of a message that others sent, or of an earlier try of this one.
    if !has_report && locked.told_errcode == Some(0) {
        store::subscribe_grant::update_used(&mut tx, who, template_id, now).await?;
    }
    if matches!(outcome, Outcome::Refused(errcode) if refusal(*errcode) == Refusal::NotGranted) {
        store::subscribe_grant::update_empty(&mut tx, who, template_id, None, now).await?;
    }
    tx.commit().await?;
    let state = ended.map_or("unsent", |ended| ended.state.as_str());
    telemetry::count_subscribe_message(state);
    if let Some(due_at) = ended.and_then(|ended| ended.due_at) {
        context.alarms.subscribe_messages.set(due_at);
    }
    Ok(Written {
        msgid: locked.msgid.filter(|_| is_sent && has_report),
        is_given_up: ended.is_some_and(|ended| ended.state == MessageState::GivenUp),
    })
}

/// Whether the report that came while the call was under way is of this message. WeChat's own number decides; without one, what
/// this try did not send an earlier one may have.
fn is_reported(locked: &LockedMessage, outcome: &Outcome) -> bool {
    match (&locked.msgid, outcome) {
        (None, _) => false,
        (Some(told), Outcome::Sent(Some(msgid))) => told == msgid,
        (Some(_), Outcome::Sent(None) | Outcome::Unknown(_)) => true,
        (Some(_), Outcome::Refused(_) | Outcome::Unfit | Outcome::Unsent(_)) => locked.was_unknown,
    }
}

/// Where a message stands after a try; nothing: it is forgotten, since WeChat has not taken it and whoever asked is
/// told so.
fn ended<'a>(
    context: &Context,
    locked: &LockedMessage,
    outcome: &'a Outcome,
) -> Result<Option<EndedTry<'a>>, store::Error> {
    let has_report = is_reported(locked, outcome);
    let plain = |state| EndedTry {
        state,
        due_at: None,
        is_unknown: false,
        errcode: None,
        msgid: None,
        keeps_report: has_report,
    };
    let again = |least: TimeDelta| -> Result<EndedTry<'a>, store::Error> {
        let now = context.clock.now();
        let [chance] = context.entropy.bytes().map_err(store::vault::VaultError::from)?;
        let in_vain = u32::try_from(locked.attempts).unwrap_or(u32::MAX);
        let gap = gap(in_vain, chance).filter(|_| locked.attempts < TRIES_MAX);
        Ok(match gap {
            Some(gap) => EndedTry {
                due_at: Some(now + gap.max(least)),
                ..plain(MessageState::Pending)
            },
            None => plain(MessageState::GivenUp),
        })
    };
    Ok(Some(match outcome {
        Outcome::Sent(msgid) => EndedTry {
            msgid: msgid.as_deref(),
            ..plain(MessageState::Sent)
        },
        // WeChat's report came before the answer was lost, or it came late and is of an earlier try.
        Outcome::Unknown(_) | Outcome::Refused(_) | Outcome::Unfit | Outcome::Unsent(_) if has_report => {
            plain(MessageState::Sent)
        }
        Outcome::Refused(errcode) => EndedTry {
            errcode: Some(*errcode),
            ..plain(MessageState::Refused)
        },
        Outcome::Unfit => plain(MessageState::Refused),
        Outcome::Unknown(_) if locked.is_of_event => EndedTry {
            is_unknown: true,
            ..again(AFTER_UNKNOWN)?
        },
        Outcome::Unknown(_) => EndedTry {
            is_unknown: true,
            ..plain(MessageState::Unknown)
        },
        Outcome::Unsent(_) if !locked.is_of_event => return Ok(None),
        Outcome::Unsent(error) => {
            let (errcode, least) = match error {
                CallError::Refused { errcode } if *errcode == QUOTA_USED_UP => (Some(*errcode), QUOTA_GAP),
                CallError::Refused { errcode } => (Some(*errcode), TimeDelta::zero()),
                _ => (None, TimeDelta::zero()),
            };
            EndedTry {
                errcode,
                ..again(least)?
            }
        }
    }))
}

/// What whoever asked is told of a refusal.
pub(super) fn refused(errcode: i64) -> AppError {
    let code = match refusal(errcode) {
        Refusal::NotGranted => ErrorCode::SubscriptionMissing,
        Refusal::OpenId => ErrorCode::OpenidUnknown,
        Refusal::Template => ErrorCode::TemplateUnknown,
        Refusal::Blocked => ErrorCode::TemplateBlocked,
        Refusal::Parallel => ErrorCode::RecipientBusy,
        Refusal::Words => ErrorCode::MessageRejected,
        Refusal::Data => ErrorCode::MessageUnfit,
        Refusal::Passing | Refusal::Other => return CallError::Refused { errcode }.into(),
    };
    AppError::new(code).wechat_errcode(errcode)
}
