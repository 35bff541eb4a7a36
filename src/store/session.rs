//! Sessions. The token names the row, the row decides.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::statement::query;
use super::vault::Vault;
use super::{Error, phone_number};
use crate::domain::id::{SessionId, UserId};
use crate::domain::name::{AppId, OpenId, UnionId};
use crate::domain::user::User;

/// A session that is alive, with what most use cases need of its user.
#[derive(Clone, Debug)]
pub struct LiveSession {
    /// The session.
    pub id: SessionId,
    /// Its user.
    pub user_id: UserId,
    /// The mini program.
    pub app_id: AppId,
    /// The user's name at WeChat.
    pub openid: OpenId,
    /// When it was opened.
    pub created_at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

struct SessionRow {
    user_id: Uuid,
    app_id: String,
    openid: String,
    created_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    nickname: Option<String>,
    avatar_url: Option<String>,
    user_created_at: DateTime<Utc>,
    phone_number: Option<Vec<u8>>,
}

/// The session and its user, if the session is alive at `now`: one statement, so that a route
/// that only reads its user needs no other.
pub async fn find_live(
    db: impl PgExecutor<'_>,
    vault: &Vault,
    id: SessionId,
    now: DateTime<Utc>,
) -> Result<Option<(LiveSession, User)>, Error> {
    let statement = sqlx::query_as!(
        SessionRow,
        r#"-- session.find_live
        select s.user_id, u.app_id, u.openid, s.created_at, s.expires_at, u.nickname, u.avatar_url,
            u.created_at as user_created_at, p.phone_number as "phone_number?"
        from sessions s join users u on u.id = s.user_id left join phone_numbers p on p.user_id = u.id
        where s.id = $1 and s.revoked_at is null and s.expires_at > $2"#,
        Uuid::from(id),
        now,
    )
    .fetch_optional(db);
    let Some(row) = query("session.find_live", statement).await? else {
        return Ok(None);
    };
    let inconsistent = |_| Error::Inconsistent { table: "users" };
    let session = LiveSession {
        id,
        user_id: row.user_id.into(),
        app_id: AppId::parse(row.app_id).map_err(inconsistent)?,
        openid: OpenId::parse(row.openid).map_err(inconsistent)?,
        created_at: row.created_at,
        expires_at: row.expires_at,
    };
    let user = User {
        id: session.user_id,
        nickname: row.nickname,
        avatar_url: row.avatar_url,
        phone_number: phone_number::masked(vault, session.user_id, row.phone_number.as_deref()),
        created_at: row.user_created_at,
    };
    Ok(Some((session, user)))
}

/// A user's name across the apps of one Open Platform account, if WeChat told it.
pub async fn find_unionid(db: impl PgExecutor<'_>, user_id: UserId) -> Result<Option<UnionId>, Error> {
    let statement = sqlx::query_scalar!(
        r#"-- session.find_unionid
        select unionid as "unionid: UnionId" from users where id = $1"#,
        Uuid::from(user_id),
    )
    .fetch_optional(db);
    Ok(query("session.find_unionid", statement).await?.flatten())
}

/// Moves the end of a live session; tells whether it was alive.
pub async fn update_expiry(
    db: impl PgExecutor<'_>,
    id: SessionId,
    now: DateTime<Utc>,
    expires_at: DateTime<Utc>,
) -> Result<bool, Error> {
    let statement = sqlx::query!(
        "-- session.update_expiry
        update sessions set expires_at = $3 where id = $1 and revoked_at is null and expires_at > $2",
        Uuid::from(id),
        now,
        expires_at,
    )
    .execute(db);
    Ok(query("session.update_expiry", statement).await?.rows_affected() == 1)
}

/// Ends one session. Ending it twice changes nothing.
pub async fn revoke(db: impl PgExecutor<'_>, id: SessionId, now: DateTime<Utc>) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- session.revoke
        update sessions set revoked_at = $2 where id = $1 and revoked_at is null",
        Uuid::from(id),
        now,
    )
    .execute(db);
    query("session.revoke", statement).await?;
    Ok(())
}

/// Ends all sessions of a user.
pub async fn revoke_all(db: impl PgExecutor<'_>, user_id: UserId, now: DateTime<Utc>) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- session.revoke_all
        update sessions set revoked_at = $2 where user_id = $1 and revoked_at is null",
        Uuid::from(user_id),
        now,
    )
    .execute(db);
    query("session.revoke_all", statement).await?;
    Ok(())
}
