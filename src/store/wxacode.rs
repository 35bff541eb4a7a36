//! Images of codes that WeChat made: which are kept, and who asks WeChat for one.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::Error;
use super::statement::query;
use crate::domain::file::{PictureKind, StoredFile};
use crate::domain::id::FileId;
use crate::domain::name::AppId;

const BROKEN: Error = Error::Inconsistent { table: "files" };

/// Which image: a mini program, and the hash of everything that is asked for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CodeKey {
    /// The mini program.
    pub app_id: AppId,
    /// SHA-256 of the parameters.
    pub request_hash: [u8; 32],
}

impl CodeKey {
    /// The hash, as a log line and `encode(request_hash, 'hex')` show it.
    pub fn shown(&self) -> String {
        hex::encode(self.request_hash)
    }
}

/// An image of which there is a row.
#[derive(Clone, Debug)]
pub struct KeptCode {
    /// The picture's id.
    pub file_id: FileId,
    /// The picture; nothing when it was given up.
    pub file: Option<StoredFile>,
    /// When somebody last asked for it, to a day.
    pub used_at: DateTime<Utc>,
}

/// The image that is kept, if there is one.
pub async fn find(db: impl PgExecutor<'_>, key: &CodeKey) -> Result<Option<KeptCode>, Error> {
    let statement = sqlx::query!(
        r#"-- wxacode.find
        select f.id, f.extension, f.bytes, f.sha256, f.stored_at, f.state = 'stored' as "is_stored!", c.used_at
        from wxacodes c join files f on f.id = c.file_id
        where c.app_id = $1 and c.request_hash = $2"#,
        key.app_id.as_str(),
        key.request_hash.as_slice(),
    )
    .fetch_optional(db);
    let Some(row) = query("wxacode.find", statement).await? else {
        return Ok(None);
    };
    let file = StoredFile {
        id: row.id.into(),
        kind: PictureKind::parse(&row.extension).ok_or(BROKEN)?,
        bytes: u64::try_from(row.bytes).map_err(|_| BROKEN)?,
        sha256: row.sha256.try_into().map_err(|_| BROKEN)?,
        stored_at: row.stored_at.ok_or(BROKEN)?,
    };
    Ok(Some(KeptCode {
        file_id: file.id,
        file: row.is_stored.then_some(file),
        used_at: row.used_at,
    }))
}

/// Notes that an image was asked for.
pub async fn update_used(db: impl PgExecutor<'_>, key: &CodeKey, now: DateTime<Utc>) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- wxacode.update_used
        update wxacodes set used_at = $3 where app_id = $1 and request_hash = $2 and used_at < $3",
        key.app_id.as_str(),
        key.request_hash.as_slice(),
        now,
    )
    .execute(db);
    query("wxacode.update_used", statement).await?;
    Ok(())
}

/// Takes the right to ask WeChat for an image that is not kept, until `until`; tells whether nobody else has it.
pub async fn claim(
    db: impl PgExecutor<'_>,
    key: &CodeKey,
    lease: Uuid,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<bool, Error> {
    let statement = sqlx::query!(
        "-- wxacode.claim
        insert into wxacodes (app_id, request_hash, lease_token, lease_until, used_at) values ($1, $2, $3, $5, $4)
        on conflict (app_id, request_hash) do update set lease_token = $3, lease_until = $5, used_at = $4
        where wxacodes.file_id is null and (wxacodes.lease_until is null or wxacodes.lease_until <= $4)",
        key.app_id.as_str(),
        key.request_hash.as_slice(),
        lease,
        now,
        until,
    )
    .execute(db);
    Ok(query("wxacode.claim", statement).await?.rows_affected() == 1)
}

/// Gives the right back after WeChat gave no image.
pub async fn delete_claim(db: impl PgExecutor<'_>, key: &CodeKey, lease: Uuid) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- wxacode.delete_claim
        delete from wxacodes where app_id = $1 and request_hash = $2 and lease_token = $3",
        key.app_id.as_str(),
        key.request_hash.as_slice(),
        lease,
    )
    .execute(db);
    query("wxacode.delete_claim", statement).await?;
    Ok(())
}

/// Ends the right with a picture, unless somebody else has it by now; tells which.
pub async fn update_kept(
    db: impl PgExecutor<'_>,
    key: &CodeKey,
    lease: Uuid,
    file_id: FileId,
) -> Result<bool, Error> {
    let statement = sqlx::query!(
        "-- wxacode.update_kept
        update wxacodes set file_id = $4, lease_token = null, lease_until = null
        where app_id = $1 and request_hash = $2 and lease_token = $3",
        key.app_id.as_str(),
        key.request_hash.as_slice(),
        lease,
        Uuid::from(file_id),
    )
    .execute(db);
    Ok(query("wxacode.update_kept", statement).await?.rows_affected() == 1)
}

/// Lets go of a picture that has no object, so that WeChat may be asked again.
pub async fn update_lost(
    db: impl PgExecutor<'_>,
    key: &CodeKey,
    file_id: FileId,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- wxacode.update_lost
        with lost as (
            update wxacodes set file_id = null where app_id = $1 and request_hash = $2 and file_id = $3 returning app_id)
        update files set state = 'removing', check_at = $4, missing_at = null
        where id = $3 and state = 'stored' and exists (select from lost)",
        key.app_id.as_str(),
        key.request_hash.as_slice(),
        Uuid::from(file_id),
        now,
    )
    .execute(db);
    query("wxacode.update_lost", statement).await?;
    Ok(())
}

/// Forgets images: up to 1,000 that nobody asked for since `before`, and up to 1,000 of those beyond the
/// `rows_max` asked for last. Their pictures go at `now`; tells how many images went. One that WeChat is asked for stays.
pub async fn delete_unused(
    db: impl PgExecutor<'_>,
    before: DateTime<Utc>,
    rows_max: i64,
    now: DateTime<Utc>,
) -> Result<u64, Error> {
    let statement = sqlx::query_scalar!(
        r#"-- wxacode.delete_unused
        with old as (
            (select app_id, request_hash from wxacodes where used_at < $1 order by used_at limit 1000)
            union
            (select app_id, request_hash from wxacodes order by used_at desc offset $2 limit 1000)),
        gone as (
            delete from wxacodes c using old
            where c.app_id = old.app_id and c.request_hash = old.request_hash and (c.lease_until is null or c.lease_until < $3)
            returning c.file_id),
        removed as (
            update files set state = 'removing', check_at = $3, missing_at = null
            where id in (select file_id from gone) and state = 'stored' returning id)
        select count(*) as "count!" from gone left join removed on removed.id = gone.file_id"#,
        before,
        rows_max,
        now,
    )
    .fetch_one(db);
    let count = query("wxacode.delete_unused", statement).await?;
    Ok(u64::try_from(count).unwrap_or(0))
}
