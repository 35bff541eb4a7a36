//! How many subscribe messages people have allowed.
//!
//! Pages and WeChat's push both tell of each popup, each for itself; the larger of the two counts is the true one.
//! A message's row is locked before the grant's, everywhere, and grants in the order of their templates.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};

use super::Error;
use super::statement::query;
use crate::domain::name::{AppId, OpenId, TemplateId};
use crate::domain::subscribe::Answer;

/// The most templates that are counted for a user; an account has 50.
pub const TEMPLATES_MAX: i64 = 100;

/// Whose messages.
#[derive(Clone, Copy, Debug)]
pub struct Recipient<'a> {
    /// The mini program.
    pub app_id: &'a AppId,
    /// The person.
    pub openid: &'a OpenId,
}

/// Who tells of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Teller {
    /// The page that asked.
    Page,
    /// WeChat's push.
    Push,
}

/// What is known of one template.
#[derive(Clone, Debug)]
pub struct Grant {
    /// The template.
    pub template_id: TemplateId,
    /// The last answer.
    pub answer: Answer,
    /// How many messages are left, as far as is known.
    pub remaining: i32,
    /// When that changed last.
    pub updated_at: DateTime<Utc>,
}

/// Writes answers down; an acceptance counts for its teller. What is beyond [`TEMPLATES_MAX`] templates of a
/// user is not kept.
pub async fn upsert_answers(
    db: impl PgExecutor<'_>,
    who: Recipient<'_>,
    answers: &[(TemplateId, Answer)],
    teller: Teller,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let (templates, words): (Vec<String>, Vec<String>) = answers
        .iter()
        .map(|(template_id, answer)| (template_id.as_str().to_owned(), answer.as_str().to_owned()))
        .unzip();
    let statement = sqlx::query!(
        r#"-- subscribe_grant.upsert_answers
        with known as (
            select template_id from subscribe_grants where app_id = $1 and openid = $2
        ), given as (
            select template_id collate "C" as template_id, answer, (answer = 'accept')::integer as accepted,
                exists (select from known k where k.template_id = t.template_id) as is_known
            from unnest($3::text[], $4::text[]) as t (template_id, answer)
        ), told as (
            select template_id, answer, accepted from given where is_known
            union all
            (select template_id, answer, accepted from given where not is_known order by template_id
                limit greatest($6 - (select count(*) from known), 0))
            order by template_id
        )
        insert into subscribe_grants as g (app_id, openid, template_id, answer, told_by_page, told_by_push, used, updated_at)
        select $1, $2, template_id, answer, accepted * $7::integer, accepted * (1 - $7::integer), 0, $5 from told
        on conflict on constraint subscribe_grants_pkey do update set answer = excluded.answer,
            told_by_page = g.told_by_page + excluded.told_by_page,
            told_by_push = g.told_by_push + excluded.told_by_push,
            updated_at = excluded.updated_at"#,
        who.app_id.as_str(),
        who.openid.as_str(),
        &templates,
        &words,
        now,
        TEMPLATES_MAX,
        i32::from(teller == Teller::Page),
    )
    .execute(db);
    query("subscribe_grant.upsert_answers", statement).await?;
    Ok(())
}

/// Uses one up, if any is left.
pub async fn update_used(
    db: &mut PgConnection,
    who: Recipient<'_>,
    template_id: &TemplateId,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- subscribe_grant.update_used
        update subscribe_grants set used = least(used + 1, greatest(told_by_page, told_by_push)), updated_at = $4
        where app_id = $1 and openid = $2 and template_id = $3",
        who.app_id.as_str(),
        who.openid.as_str(),
        template_id.as_str(),
        now,
    )
    .execute(db);
    query("subscribe_grant.update_used", statement).await?;
    Ok(())
}

/// Gives one back: WeChat took the message and did not deliver it.
pub async fn update_restored(
    db: &mut PgConnection,
    who: Recipient<'_>,
    template_id: &TemplateId,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- subscribe_grant.update_restored
        update subscribe_grants set used = greatest(used - 1, 0), updated_at = $4
        where app_id = $1 and openid = $2 and template_id = $3",
        who.app_id.as_str(),
        who.openid.as_str(),
        template_id.as_str(),
        now,
    )
    .execute(db);
    query("subscribe_grant.update_restored", statement).await?;
    Ok(())
}

/// Says that nothing is left, whatever was counted; both tellers begin again from the same count. With an
/// `answer` that one is the last from now on.
pub async fn update_empty(
    db: &mut PgConnection,
    who: Recipient<'_>,
    template_id: &TemplateId,
    answer: Option<Answer>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- subscribe_grant.update_empty
        update subscribe_grants set told_by_page = greatest(told_by_page, told_by_push),
            told_by_push = greatest(told_by_page, told_by_push), used = greatest(told_by_page, told_by_push),
            answer = coalesce($4, answer), updated_at = $5
        where app_id = $1 and openid = $2 and template_id = $3",
        who.app_id.as_str(),
        who.openid.as_str(),
        template_id.as_str(),
        answer.map(Answer::as_str),
        now,
    )
    .execute(db);
    query("subscribe_grant.update_empty", statement).await?;
    Ok(())
}

/// How many messages of a template are left; none where nothing is known of it.
pub async fn find_remaining(
    db: impl PgExecutor<'_>,
    who: Recipient<'_>,
    template_id: &TemplateId,
) -> Result<Option<i32>, Error> {
    let statement = sqlx::query_scalar!(
        r#"-- subscribe_grant.find_remaining
        select remaining as "remaining!" from subscribe_grants
        where app_id = $1 and openid = $2 and template_id = $3"#,
        who.app_id.as_str(),
        who.openid.as_str(),
        template_id.as_str(),
    )
    .fetch_optional(db);
    Ok(query("subscribe_grant.find_remaining", statement).await?)
}

/// All that is known of a user, by template. Requests at the same moment may have made a few more than
/// [`TEMPLATES_MAX`].
pub async fn list(db: impl PgExecutor<'_>, who: Recipient<'_>) -> Result<Vec<Grant>, Error> {
    let statement = sqlx::query!(
        r#"-- subscribe_grant.list
        select template_id, answer, remaining as "remaining!", updated_at from subscribe_grants
        where app_id = $1 and openid = $2
        order by template_id
        limit $3"#,
        who.app_id.as_str(),
        who.openid.as_str(),
        TEMPLATES_MAX.saturating_mul(2),
    )
    .fetch_all(db);
    let inconsistent = || Error::Inconsistent {
        table: "subscribe_grants",
    };
    let rows = query("subscribe_grant.list", statement).await?;
    let grants = rows.into_iter().map(|row| {
        Ok(Grant {
            template_id: TemplateId::parse(row.template_id).map_err(|_| inconsistent())?,
            answer: Answer::parse(&row.answer).ok_or_else(inconsistent)?,
            remaining: row.remaining,
            updated_at: row.updated_at,
        })
    });
    grants.collect()
}
