//! Subscribe messages: a row before the call, and what became of it.
//!
//! A unique index lets one message to a user be on its way at a time, over all replicas: WeChat refuses a second.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::Error;
use super::statement::query;
use super::subscribe_grant::Recipient;
use crate::domain::id::{MessageId, OrderId};
use crate::domain::name::{AppId, DedupKey, OpenId, TemplateId};

/// Where a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageState {
    /// It is tried when it is due.
    Pending,
    /// The call may be under way.
    Sending,
    /// WeChat took it.
    Sent,
    /// It cannot be sent, for good.
    Refused,
    /// Nobody knows whether WeChat took it, and it is not sent again.
    Unknown,
    /// Tried in vain too often.
    GivenUp,
}

impl MessageState {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Sending => "sending",
            Self::Sent => "sent",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
            Self::GivenUp => "given_up",
        }
    }

    fn parse(text: &str) -> Result<Self, Error> {
        [
            Self::Pending,
            Self::Sending,
            Self::Sent,
            Self::Refused,
            Self::Unknown,
            Self::GivenUp,
        ]
        .into_iter()
        .find(|state| state.as_str() == text)
        .ok_or(Error::Inconsistent {
            table: "subscribe_messages",
        })
    }
}

/// Whose hands, and until when.
#[derive(Clone, Copy, Debug)]
pub struct Lease {
    /// Whose.
    pub token: Uuid,
    /// From then on the holder is taken for dead.
    pub until: DateTime<Utc>,
}

/// A message that a service asks for.
#[derive(Clone, Copy, Debug)]
pub struct NewMessage<'a> {
    /// The message.
    pub id: MessageId,
    /// To whom.
    pub who: Recipient<'a>,
    /// The template.
    pub template_id: &'a TemplateId,
    /// The key within which it is sent once, and the SHA-256 of what it says.
    pub key: Option<(&'a DedupKey, &'a [u8])>,
}

/// Notes that a message is about to be sent. Tells whether it may be: not if there is one with its key, or if
/// another to the same user is on its way.
pub async fn insert_sending(
    db: impl PgExecutor<'_>,
    message: &NewMessage<'_>,
    lease: Lease,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let statement = sqlx::query!(
        "-- subscribe_message.insert_sending
        insert into subscribe_messages (id, app_id, openid, template_id, dedup_key, body_hash, state, attempts,
            lease_token, lease_until, created_at, updated_at)
        values ($1, $2, $3, $4, $5, $6, 'sending', 1, $7, $8, $9, $9)
        on conflict do nothing",
        Uuid::from(message.id),
        message.who.app_id.as_str(),
        message.who.openid.as_str(),
        message.template_id.as_str(),
        message.key.map(|(key, _)| key.as_str()),
        message.key.map(|(_, hash)| hash),
        lease.token,
        lease.until,
        now,
    )
    .execute(db);
    Ok(query("subscribe_message.insert_sending", statement)
        .await?
        .rows_affected()
        == 1)
}

/// A message that was asked for before, with a key.
#[derive(Clone, Debug)]
pub struct KeyedMessage {
    /// The message.
    pub id: MessageId,
    /// Where it stands.
    pub state: MessageState,
    /// SHA-256 of what was asked for.
    pub body_hash: Vec<u8>,
    /// WeChat's number of the refusal.
    pub errcode: Option<i64>,
    /// WeChat's number of the message.
    pub msgid: Option<String>,
}

/// The message of a key.
pub async fn find_by_key(
    db: impl PgExecutor<'_>,
    who: Recipient<'_>,
    template_id: &TemplateId,
    key: &DedupKey,
) -> Result<Option<KeyedMessage>, Error> {
    let statement = sqlx::query!(
        r#"-- subscribe_message.find_by_key
        select id, state, body_hash as "body_hash!", errcode, msgid from subscribe_messages
        where app_id = $1 and openid = $2 and template_id = $3 and dedup_key = $4"#,
        who.app_id.as_str(),
        who.openid.as_str(),
        template_id.as_str(),
        key.as_str(),
    )
    .fetch_optional(db);
    let row = query("subscribe_message.find_by_key", statement).await?;
    row.map(|row| {
        Ok(KeyedMessage {
            id: row.id.into(),
            state: MessageState::parse(&row.state)?,
            body_hash: row.body_hash,
            errcode: row.errcode,
            msgid: row.msgid,
        })
    })
    .transpose()
}

/// A message in the hands of whoever ends a try, locked.
#[derive(Clone, Debug)]
pub struct LockedMessage {
    /// The mini program.
    pub app_id: AppId,
    /// The person.
    pub openid: OpenId,
    /// The template.
    pub template_id: TemplateId,
    /// Whether it tells of an order.
    pub is_of_event: bool,
    /// How often WeChat was called.
    pub attempts: i32,
    /// WeChat's number of it, if its report came before the answer.
    pub msgid: Option<String>,
    /// What that report said.
    pub told_errcode: Option<i64>,
    /// Whether WeChat may have taken it at an earlier try.
    pub was_unknown: bool,
}

impl LockedMessage {
    /// Whose it is.
    pub fn who(&self) -> Recipient<'_> {
        Recipient {
            app_id: &self.app_id,
            openid: &self.openid,
        }
    }
}

/// Locks a message that is still in these hands, or was when its holder was taken for dead.
pub async fn lock_sending(
    db: &mut PgConnection,
    id: MessageId,
    token: Uuid,
) -> Result<Option<LockedMessage>, Error> {
    let statement = sqlx::query_as!(
        LockedMessage,
        r#"-- subscribe_message.lock_sending
        select app_id as "app_id: AppId", openid as "openid: OpenId", template_id as "template_id: TemplateId",
            event_id is not null as "is_of_event!", attempts, msgid, told_errcode,
            unknown_at is not null as "was_unknown!"
        from subscribe_messages
        where id = $1 and lease_token = $2 and state in ('sending', 'unknown')
        for update"#,
        Uuid::from(id),
        token,
    )
    .fetch_optional(db);
    Ok(query("subscribe_message.lock_sending", statement).await?)
}

/// How a try ended.
#[derive(Clone, Copy, Debug)]
pub struct EndedTry<'a> {
    /// Where the message stands now.
    pub state: MessageState,
    /// When it is tried again; with [`MessageState::Pending`] alone.
    pub due_at: Option<DateTime<Utc>>,
    /// Whether nobody knows if WeChat took it.
    pub is_unknown: bool,
    /// WeChat's number of the refusal.
    pub errcode: Option<i64>,
    /// WeChat's number of the message.
    pub msgid: Option<&'a str>,
    /// Whether the report that came before the answer, if one did, stays that of this message.
    pub keeps_report: bool,
}

/// Writes down how a try of a locked message ended.
pub async fn update_ended(
    db: &mut PgConnection,
    id: MessageId,
    ended: &EndedTry<'_>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- subscribe_message.update_ended
        update subscribe_messages set state = $2, due_at = $3, lease_until = null,
            unknown_at = case when $4 then $7 else unknown_at end, errcode = $5, updated_at = $7,
            msgid = case when $8 then coalesce($6, msgid) else $6 end,
            told_errcode = case when $8 then told_errcode end, told_at = case when $8 then told_at end
        where id = $1",
        Uuid::from(id),
        ended.state.as_str(),
        ended.due_at,
        ended.is_unknown,
        ended.errcode,
        ended.msgid,
        now,
        ended.keeps_report,
    )
    .execute(db);
    query("subscribe_message.update_ended", statement).await?;
    Ok(())
}

/// Forgets a locked message that WeChat has not taken: it may be asked for again.
pub async fn delete(db: &mut PgConnection, id: MessageId) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- subscribe_message.delete
        delete from subscribe_messages where id = $1 and event_id is null",
        Uuid::from(id),
    )
    .execute(db);
    query("subscribe_message.delete", statement).await?;
    Ok(())
}

/// A message that WeChat reports on, locked.
#[derive(Clone, Copy, Debug)]
pub struct ReportedMessage {
    /// The message.
    pub id: MessageId,
    /// Where it stands.
    pub state: MessageState,
    /// Whether it was reported on before.
    pub is_known: bool,
}

/// Locks the message that WeChat reports on: the one of that number, else the oldest to that user from that
/// template whose number nobody has been told: of those that WeChat has taken, or may be taking now, before those of which
/// nobody knows. A wrong guess costs a repetition then, and no message.
pub async fn lock_reported(
    db: &mut PgConnection,
    who: Recipient<'_>,
    template_id: &TemplateId,
    msgid: &str,
) -> Result<Option<ReportedMessage>, Error> {
    let statement = sqlx::query!(
        r#"-- subscribe_message.lock_reported
        select id, state, told_at is not null as "is_known!" from subscribe_messages
        where app_id = $1 and openid = $2 and template_id = $3 and (msgid = $4
            or (msgid is null and told_at is null and (state in ('sending', 'sent', 'unknown') or unknown_at is not null)))
        order by msgid is null, state not in ('sending', 'sent'), created_at, id
        limit 1
        for update"#,
        who.app_id.as_str(),
        who.openid.as_str(),
        template_id.as_str(),
        msgid,
    )
    .fetch_optional(db);
    let row = query("subscribe_message.lock_reported", statement).await?;
    row.map(|row| {
        Ok(ReportedMessage {
            id: row.id.into(),
            state: MessageState::parse(&row.state)?,
            is_known: row.is_known,
        })
    })
    .transpose()
}

/// Writes WeChat's report on a locked message down. One that is still being sent stays so, for its sender to
/// end; any other was sent, as is known now.
pub async fn update_reported(
    db: &mut PgConnection,
    id: MessageId,
    (msgid, errcode): (&str, i64),
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- subscribe_message.update_reported
        update subscribe_messages set msgid = $2, told_errcode = $3, told_at = $4, updated_at = $4,
            state = case when state = 'sending' then state else 'sent' end, due_at = null
        where id = $1",
        Uuid::from(id),
        msgid,
        errcode,
        now,
    )
    .execute(db);
    query("subscribe_message.update_reported", statement).await?;
    Ok(())
}

/// A message that a dead sender left, and where it stands now.
#[derive(Clone, Debug)]
pub struct AbandonedMessage {
    /// The mini program.
    pub app_id: AppId,
    /// The template.
    pub template_id: TemplateId,
    /// Where it stands.
    pub state: MessageState,
    /// What happened to which order, if it tells of one.
    pub subject: Option<(OrderId, String)>,
}

/// Ends what a dead sender left to one user, or to anybody: nobody knows whether WeChat took it, unless it has
/// reported meanwhile. A message about an order is due again at once, since its report would have come by now, unless
/// it was tried `tries_max` times. At most 100 at a time; gives them.
pub async fn update_abandoned(
    db: impl PgExecutor<'_>,
    who: Option<Recipient<'_>>,
    tries_max: i32,
    now: DateTime<Utc>,
) -> Result<Vec<AbandonedMessage>, Error> {
    let statement = sqlx::query!(
        r#"-- subscribe_message.update_abandoned
        with dead as (
            select id from subscribe_messages
            where state = 'sending' and lease_until <= $1 and ($2::text is null or (app_id = $2 and openid = $3))
            order by lease_until, id
            limit 100
            for update skip locked
        ), ended as (
            update subscribe_messages m set lease_until = null, unknown_at = $1, updated_at = $1,
                state = case when m.told_at is not null then 'sent' when m.event_id is null then 'unknown'
                    when m.attempts >= $4 then 'given_up' else 'pending' end,
                due_at = case when m.told_at is null and m.event_id is not null and m.attempts < $4 then $1 end
            from dead where m.id = dead.id
            returning m.app_id, m.openid, m.template_id, m.state, m.told_errcode, m.event_id
        ), used as (
            update subscribe_grants g set used = least(g.used + 1, greatest(g.told_by_page, g.told_by_push)), updated_at = $1
            from ended e
            where e.state = 'sent' and e.told_errcode = 0
                and g.app_id = e.app_id and g.openid = e.openid and g.template_id = e.template_id
        )
        select d.app_id as "app_id: AppId", d.template_id as "template_id: TemplateId", d.state,
            e.order_id as "order_id?: OrderId", e.kind as "event?"
        from ended d left join events e on e.id = d.event_id"#,
        now,
        who.map(|who| who.app_id.as_str()),
        who.map(|who| who.openid.as_str()),
        tries_max,
    )
    .fetch_all(db);
    let rows = query("subscribe_message.update_abandoned", statement).await?;
    let abandoned = rows.into_iter().map(|row| {
        Ok(AbandonedMessage {
            app_id: row.app_id,
            template_id: row.template_id,
            state: MessageState::parse(&row.state)?,
            subject: row.order_id.zip(row.event),
        })
    });
    abandoned.collect()
}
