//! What people have allowed: told by pages and by WeChat's push, used up by messages.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::domain::name::{AppId, OpenId, TemplateId};
use crate::domain::subscribe::Answer;
use crate::error::AppError;
use crate::service::Context;
use crate::store;
use crate::store::subscribe_grant::{Grant, Recipient, Teller};
use crate::store::subscribe_message::MessageState;
use crate::wechat::mini::subscribe::is_msgid;
use crate::wechat::push::{SubscribeAnswer, SubscribeSent};

/// Counts what `wx.requestSubscribeMessage` answered to a page, and gives all that is known of the user then.
///
/// # Errors
/// When the database fails.
pub async fn tell_answers(
    context: &Context,
    (app_id, openid): (&AppId, &OpenId),
    answers: &BTreeMap<TemplateId, Answer>,
) -> Result<Vec<Grant>, AppError> {
    let who = Recipient { app_id, openid };
    let answers: Vec<(TemplateId, Answer)> = answers
        .iter()
        .map(|(template_id, answer)| (template_id.clone(), *answer))
        .collect();
    let now = context.clock.now();
    store::subscribe_grant::upsert_answers(&context.db, who, &answers, Teller::Page, now).await?;
    Ok(store::subscribe_grant::list(&context.db, who).await?)
}

/// All that is known of a user, by template.
///
/// # Errors
/// When the database fails.
pub async fn list_grants(
    context: &Context,
    (app_id, openid): (&AppId, &OpenId),
) -> Result<Vec<Grant>, AppError> {
    let who = Recipient { app_id, openid };
    Ok(store::subscribe_grant::list(&context.db, who).await?)
}

/// Counts a popup that WeChat's push tells of, within the transaction that keeps the push.
///
/// # Errors
/// When the database fails.
pub async fn heard_popup(
    db: &mut PgConnection,
    who: Recipient<'_>,
    answers: &[SubscribeAnswer],
    now: DateTime<Utc>,
) -> Result<(), store::Error> {
    // One by one, since a list may name a template twice.
    for (template_id, is_accepted) in in_order(answers) {
        let answer = if is_accepted {
            Answer::Accept
        } else {
            Answer::Reject
        };
        let answers = [(template_id, answer)];
        store::subscribe_grant::upsert_answers(&mut *db, who, &answers, Teller::Push, now).await?;
    }
    Ok(())
}

/// Says that a user has switched templates off in the settings of the mini program, within the transaction that
/// keeps the push.
///
/// # Errors
/// When the database fails.
pub async fn heard_change(
    db: &mut PgConnection,
    who: Recipient<'_>,
    answers: &[SubscribeAnswer],
    now: DateTime<Utc>,
) -> Result<(), store::Error> {
    for (template_id, is_accepted) in in_order(answers) {
        if !is_accepted {
            let rejected = Some(Answer::Reject);
            store::subscribe_grant::update_empty(db, who, &template_id, rejected, now).await?;
        }
    }
    Ok(())
}

/// Grants are locked in the order of their templates. What is no template is nobody's.
fn in_order(answers: &[SubscribeAnswer]) -> Vec<(TemplateId, bool)> {
    let known = answers.iter().filter_map(|answer| {
        Some((
            TemplateId::parse(answer.template_id.as_str()).ok()?,
            answer.is_accepted,
        ))
    });
    let mut known: Vec<(TemplateId, bool)> = known.collect();
    known.sort_by(|left, right| left.0.cmp(&right.0));
    known
}

/// Writes down what WeChat reports of messages, within the transaction that keeps the push: it settles what nobody
/// knew, gives back what was allowed where a message did not arrive, and counts messages that others sent.
///
/// # Errors
/// When the database fails.
pub async fn heard_sent(
    db: &mut PgConnection,
    who: Recipient<'_>,
    reports: &[SubscribeSent],
    now: DateTime<Utc>,
) -> Result<(), store::Error> {
    let mut known: Vec<(TemplateId, &SubscribeSent)> = reports
        .iter()
        .filter(|report| is_msgid(&report.msg_id))
        .filter_map(|report| Some((TemplateId::parse(report.template_id.as_str()).ok()?, report)))
        .collect();
    known.sort_by(|left, right| left.0.cmp(&right.0));
    // Every message before the first grant: who has a grant locked waits for no message.
    let mut changes = Vec::new();
    for (template_id, report) in known {
        let change = heard_of(db, who, &template_id, report, now).await?;
        changes.extend(change.map(|change| (template_id, change)));
    }
    for (template_id, change) in changes {
        match change {
            Change::Used => store::subscribe_grant::update_used(db, who, &template_id, now).await?,
            Change::Restored => store::subscribe_grant::update_restored(db, who, &template_id, now).await?,
        }
    }
    Ok(())
}

/// What a report does to what was allowed.
#[derive(Clone, Copy, Debug)]
enum Change {
    Used,
    Restored,
}

async fn heard_of(
    db: &mut PgConnection,
    who: Recipient<'_>,
    template_id: &TemplateId,
    report: &SubscribeSent,
    now: DateTime<Utc>,
) -> Result<Option<Change>, store::Error> {
    let (msgid, errcode) = (report.msg_id.as_str(), report.error_code);
    let known = store::subscribe_message::lock_reported(db, who, template_id, msgid).await?;
    if let Some(message) = known {
        if message.is_known {
            return Ok(None);
        }
        store::subscribe_message::update_reported(db, message.id, (msgid, errcode), now).await?;
    }
    Ok(match known.map(|message| message.state) {
        // Whoever sends it counts it.
        Some(MessageState::Sending) => None,
        Some(MessageState::Sent) => (errcode != 0).then_some(Change::Restored),
        // Known only now, or sent by somebody else.
        Some(_) | None => (errcode == 0).then_some(Change::Used),
    })
}
