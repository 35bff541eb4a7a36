//! Users: one row for each person in each mini program.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::statement::query;
use super::vault::Vault;
use super::{Error, phone_number};
use crate::domain::id::{SessionId, UserId};
use crate::domain::name::{AppId, OpenId, UnionId};
use crate::domain::user::User;

/// Where a user's session keys lie, as associated data of the sealed values.
pub fn session_key_place(app_id: &AppId, openid: &OpenId) -> String {
    format!("users.session_key/{app_id}/{openid}")
}

/// A login that WeChat has confirmed.
#[derive(Debug)]
pub struct NewLogin<'a> {
    /// The id the user gets if this is the first login.
    pub user_id: UserId,
    /// The id of the new session.
    pub session_id: SessionId,
    /// The mini program.
    pub app_id: &'a AppId,
    /// The person.
    pub openid: &'a OpenId,
    /// The person across apps, if WeChat told.
    pub unionid: Option<&'a UnionId>,
    /// The session key, sealed for [`session_key_place`].
    pub session_key: &'a [u8],
    /// Its keyed hashes, that under the newest data key first.
    pub session_key_hashes: &'a [Vec<u8>],
    /// Now.
    pub now: DateTime<Utc>,
    /// When the session ends.
    pub expires_at: DateTime<Utc>,
}

struct LoginRow {
    id: Uuid,
    nickname: Option<String>,
    avatar_url: Option<String>,
    created_at: DateTime<Utc>,
    phone_number: Option<Vec<u8>>,
    is_new: bool,
    has_moved: bool,
}

/// What a login made or found.
#[derive(Debug)]
pub struct LoginOutcome {
    /// Whose it is.
    pub user: User,
    /// Whether it is their first.
    pub is_new: bool,
    /// Whether WeChat told another unionid than the one that was known.
    pub has_moved: bool,
}

/// Finds or makes the user, keeps the session key (the one before it becomes the previous one,
/// unless it is the same) and opens the session, all in one statement. A unionid that was told once
/// stays until WeChat tells another.
pub async fn insert_login(
    db: impl PgExecutor<'_>,
    vault: &Vault,
    login: &NewLogin<'_>,
) -> Result<LoginOutcome, Error> {
    let statement = sqlx::query_as!(
        LoginRow,
        r#"-- user.insert_login
        with before as (
            select unionid from users where app_id = $2 and openid = $3
        ), login as (
            insert into users (id, app_id, openid, unionid, session_key, session_key_hash, session_key_at,
                created_at, updated_at)
            values ($1, $2, $3, $4, $5, ($6::bytea[])[1], $7, $7, $7)
            on conflict on constraint users_app_id_openid_key do update set
                unionid = coalesce(excluded.unionid, users.unionid),
                session_key = excluded.session_key,
                session_key_hash = excluded.session_key_hash,
                session_key_at = excluded.session_key_at,
                previous_session_key = case when users.session_key_hash = any($6)
                    then users.previous_session_key else users.session_key end,
                previous_session_key_at = case when users.session_key_hash = any($6)
                    then users.previous_session_key_at else users.session_key_at end,
                session_key_replaced_at = case when users.session_key_hash = any($6)
                    then users.session_key_replaced_at else excluded.session_key_at end,
                updated_at = excluded.updated_at
            returning id, nickname, avatar_url, created_at
        ), opened as (
            insert into sessions (id, user_id, created_at, expires_at)
            select $8, login.id, $7, $9 from login
        )
        select login.id as "id!", nickname, avatar_url, created_at as "created_at!", p.phone_number as "phone_number?",
            login.id = $1 as "is_new!", exists (select from before where unionid <> $4) as "has_moved!"
        from login left join phone_numbers p on p.user_id = login.id"#,
        Uuid::from(login.user_id),
        login.app_id.as_str(),
        login.openid.as_str(),
        login.unionid.map(UnionId::as_str),
        login.session_key,
        login.session_key_hashes,
        login.now,
        Uuid::from(login.session_id),
        login.expires_at,
    )
    .fetch_one(db);
    let row = query("user.insert_login", statement).await?;
    let id = UserId::from(row.id);
    Ok(LoginOutcome {
        user: User {
            id,
            nickname: row.nickname,
            avatar_url: row.avatar_url,
            phone_number: phone_number::masked(vault, id, row.phone_number.as_deref()),
            created_at: row.created_at,
        },
        is_new: row.is_new,
        has_moved: row.has_moved,
    })
}

/// The user of this name in a mini program, if there is one.
pub async fn find_id_by_openid(
    db: impl PgExecutor<'_>,
    app_id: &AppId,
    openid: &OpenId,
) -> Result<Option<UserId>, Error> {
    let statement = sqlx::query_scalar!(
        "-- user.find_id_by_openid
        select id from users where app_id = $1 and openid = $2",
        app_id.as_str(),
        openid.as_str(),
    )
    .fetch_optional(db);
    let found = query("user.find_id_by_openid", statement).await?;
    Ok(found.map(UserId::from))
}

/// Keeps who the user is across apps, unless that is known already.
pub async fn update_unionid(
    db: impl PgExecutor<'_>,
    id: UserId,
    unionid: &UnionId,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- user.update_unionid
        update users set unionid = $2, updated_at = $3 where id = $1 and unionid is null",
        Uuid::from(id),
        unionid.as_str(),
        now,
    )
    .execute(db);
    query("user.update_unionid", statement).await?;
    Ok(())
}

/// What WeChat calls a user of a mini program; none where there is no such user, or not in this mini program.
pub async fn find_openid(
    db: impl PgExecutor<'_>,
    app_id: &AppId,
    id: UserId,
) -> Result<Option<OpenId>, Error> {
    let statement = sqlx::query_scalar!(
        r#"-- user.find_openid
        select openid as "openid: OpenId" from users where id = $1 and app_id = $2"#,
        Uuid::from(id),
        app_id.as_str(),
    )
    .fetch_optional(db);
    Ok(query("user.find_openid", statement).await?)
}

/// Changes what the user says about themselves; what is `None` stays.
pub async fn update_profile(
    db: impl PgExecutor<'_>,
    id: UserId,
    nickname: Option<&str>,
    avatar_url: Option<&str>,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- user.update_profile
        update users set nickname = coalesce($2, nickname), avatar_url = coalesce($3, avatar_url), updated_at = $4
        where id = $1",
        Uuid::from(id),
        nickname,
        avatar_url,
        now,
    )
    .execute(db);
    query("user.update_profile", statement).await?;
    Ok(())
}
