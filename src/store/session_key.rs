//! The session keys of users: the newest and the one before it, and the failures of the sessions that
//! use them.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgExecutor};
use uuid::Uuid;

use super::Error;
use super::statement::query;
use crate::domain::id::{SessionId, UserId};
use crate::domain::name::{AppId, OpenId};

/// A user's session keys, sealed for [`session_key_place`](super::user::session_key_place).
pub struct KeptKeys {
    /// Whose.
    pub user_id: UserId,
    /// The mini program.
    pub app_id: AppId,
    /// The user's name at WeChat.
    pub openid: OpenId,
    /// Whether WeChat has told who the user is across apps.
    pub has_unionid: bool,
    /// The newest.
    pub newest: Vec<u8>,
    /// When WeChat gave it.
    pub newest_at: DateTime<Utc>,
    /// The one before it, and when it was replaced.
    pub previous: Option<(Vec<u8>, DateTime<Utc>)>,
}

impl std::fmt::Debug for KeptKeys {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "KeptKeys(of {})", self.user_id)
    }
}

struct KeysRow {
    user_id: Uuid,
    app_id: String,
    openid: String,
    has_unionid: bool,
    session_key: Vec<u8>,
    session_key_at: DateTime<Utc>,
    previous_session_key: Option<Vec<u8>>,
    session_key_replaced_at: Option<DateTime<Utc>>,
    failed_at: Vec<DateTime<Utc>>,
}

impl KeysRow {
    fn into_keys(self) -> Result<KeptKeys, Error> {
        let inconsistent = |_| Error::Inconsistent { table: "users" };
        Ok(KeptKeys {
            user_id: self.user_id.into(),
            app_id: AppId::parse(self.app_id).map_err(inconsistent)?,
            openid: OpenId::parse(self.openid).map_err(inconsistent)?,
            has_unionid: self.has_unionid,
            newest: self.session_key,
            newest_at: self.session_key_at,
            previous: self.previous_session_key.zip(self.session_key_replaced_at),
        })
    }
}

/// Locks a session that is alive at `now`, so that its guesses are tried one after the other, and
/// gives its user's keys and when its earlier guesses failed, oldest first.
pub async fn lock_of_session(
    db: &mut PgConnection,
    id: SessionId,
    now: DateTime<Utc>,
) -> Result<Option<(KeptKeys, Vec<DateTime<Utc>>)>, Error> {
    let statement = sqlx::query_as!(
        KeysRow,
        r#"-- session_key.lock_of_session
        select u.id as user_id, u.app_id, u.openid, u.unionid is not null as "has_unionid!", u.session_key,
            u.session_key_at, u.previous_session_key, u.session_key_replaced_at, s.open_data_failures as failed_at
        from sessions s join users u on u.id = s.user_id
        where s.id = $1 and s.revoked_at is null and s.expires_at > $2
        for no key update of s"#,
        Uuid::from(id),
        now,
    )
    .fetch_optional(db);
    let Some(mut row) = query("session_key.lock_of_session", statement).await? else {
        return Ok(None);
    };
    let failed_at = std::mem::take(&mut row.failed_at);
    Ok(Some((row.into_keys()?, failed_at)))
}

/// The keys of the user of a session that is alive at `now`.
pub async fn find_of_session(
    db: impl PgExecutor<'_>,
    id: SessionId,
    now: DateTime<Utc>,
) -> Result<Option<KeptKeys>, Error> {
    let statement = sqlx::query_as!(
        KeysRow,
        r#"-- session_key.find_of_session
        select u.id as user_id, u.app_id, u.openid, u.unionid is not null as "has_unionid!", u.session_key,
            u.session_key_at, u.previous_session_key, u.session_key_replaced_at, s.open_data_failures as failed_at
        from sessions s join users u on u.id = s.user_id
        where s.id = $1 and s.revoked_at is null and s.expires_at > $2"#,
        Uuid::from(id),
        now,
    )
    .fetch_optional(db);
    query("session_key.find_of_session", statement)
        .await?
        .map(KeysRow::into_keys)
        .transpose()
}

/// Writes the failures of a locked session, and ends it if they are too many.
pub async fn update_failures(
    db: &mut PgConnection,
    id: SessionId,
    failed_at: &[DateTime<Utc>],
    revoked_at: Option<DateTime<Utc>>,
) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- session_key.update_failures
        update sessions set open_data_failures = $2, revoked_at = coalesce(revoked_at, $3) where id = $1",
        Uuid::from(id),
        failed_at,
        revoked_at,
    )
    .execute(db);
    query("session_key.update_failures", statement).await?;
    Ok(())
}

/// The keys of a user.
pub async fn find_of_user(db: impl PgExecutor<'_>, id: UserId) -> Result<Option<KeptKeys>, Error> {
    let statement = sqlx::query_as!(
        KeysRow,
        r#"-- session_key.find_of_user
        select id as user_id, app_id, openid, unionid is not null as "has_unionid!", session_key, session_key_at,
            previous_session_key, session_key_replaced_at, '{}'::timestamptz[] as "failed_at!"
        from users where id = $1"#,
        Uuid::from(id),
    )
    .fetch_optional(db);
    query("session_key.find_of_user", statement)
        .await?
        .map(KeysRow::into_keys)
        .transpose()
}

/// A key that WeChat gave in place of another without a login.
#[derive(Debug)]
pub struct ResetKey<'a> {
    /// Whose.
    pub user_id: UserId,
    /// The keyed hashes of the key that it replaces.
    pub old_hashes: &'a [Vec<u8>],
    /// The new key, sealed.
    pub session_key: &'a [u8],
    /// Its keyed hash under the newest data key.
    pub hash: &'a [u8],
    /// Now.
    pub now: DateTime<Utc>,
}

/// Puts a key in the place of the newest one and forgets all before it; tells whether the newest one was
/// still the one that it replaces. A login in between has brought a newer one, which stays.
pub async fn update_reset(db: impl PgExecutor<'_>, key: &ResetKey<'_>) -> Result<bool, Error> {
    let statement = sqlx::query!(
        "-- session_key.update_reset
        update users set session_key = $3, session_key_hash = $4, session_key_at = $5, previous_session_key = null,
            previous_session_key_at = null, session_key_replaced_at = null, updated_at = $5
        where id = $1 and session_key_hash = any($2)",
        Uuid::from(key.user_id),
        key.old_hashes,
        key.session_key,
        key.hash,
        key.now,
    )
    .execute(db);
    Ok(query("session_key.update_reset", statement)
        .await?
        .rows_affected()
        == 1)
}
