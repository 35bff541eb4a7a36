//! Pictures in the store, those of users and those of nobody: the rows about them.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::Error;
use super::statement::query;
use crate::domain::file::{FileUsage, PictureKind, StoredFile, shard};
use crate::domain::id::{FileId, UserId};

const BROKEN: Error = Error::Inconsistent { table: "files" };

/// A file that is about to be written.
#[derive(Debug)]
pub struct NewFile {
    /// Its id.
    pub id: FileId,
    /// Whose it is; nobody's: an image that WeChat made.
    pub user_id: Option<UserId>,
    /// What it is.
    pub kind: PictureKind,
    /// Its size.
    pub bytes: i64,
    /// The hash of its content.
    pub sha256: [u8; 32],
    /// In pixels.
    pub width: i32,
    /// In pixels.
    pub height: i32,
    /// Now.
    pub now: DateTime<Utc>,
    /// From then on its writer is taken for dead.
    pub check_at: DateTime<Utc>,
}

struct FileRow {
    id: FileId,
    extension: String,
    bytes: i64,
    sha256: Vec<u8>,
    stored_at: Option<DateTime<Utc>>,
}

impl FileRow {
    fn file(self) -> Result<StoredFile, Error> {
        Ok(StoredFile {
            id: self.id,
            kind: PictureKind::parse(&self.extension).ok_or(BROKEN)?,
            bytes: u64::try_from(self.bytes).map_err(|_| BROKEN)?,
            sha256: self.sha256.try_into().map_err(|_| BROKEN)?,
            stored_at: self.stored_at.ok_or(BROKEN)?,
        })
    }
}

/// The name under which the files of this database lie in the store.
pub async fn get_store_id(db: impl PgExecutor<'_>) -> Result<Uuid, Error> {
    let statement = sqlx::query_scalar!(
        "-- file.get_store_id
        select id from file_stores"
    )
    .fetch_one(db);
    Ok(query("file.get_store_id", statement).await?)
}

/// Has the uploads of a user wait for one another until the transaction ends, so that each counts
/// those before it.
pub async fn lock_user(db: impl PgExecutor<'_>, user_id: UserId) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- file.lock_user
        select id from users where id = $1 for no key update",
        Uuid::from(user_id),
    )
    .fetch_one(db);
    query("file.lock_user", statement).await?;
    Ok(())
}

/// What a user keeps, and has sent since `since`.
pub async fn usage(
    db: impl PgExecutor<'_>,
    user_id: UserId,
    since: DateTime<Utc>,
) -> Result<FileUsage, Error> {
    let statement = sqlx::query_as!(
        FileUsage,
        r#"-- file.usage
        select count(*) filter (where state <> 'removing') as "files!",
            coalesce(sum(bytes) filter (where state <> 'removing'), 0)::bigint as "bytes!",
            count(*) filter (where created_at > $2) as "uploads!",
            min(created_at) filter (where created_at > $2) as oldest_upload_at
        from files where user_id = $1"#,
        Uuid::from(user_id),
        since,
    )
    .fetch_one(db);
    Ok(query("file.usage", statement).await?)
}

/// Writes down that an object is about to be written.
pub async fn insert(db: impl PgExecutor<'_>, file: &NewFile) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- file.insert
        insert into files (id, user_id, extension, bytes, sha256, width, height, shard, state, created_at, check_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, 'storing', $9, $10)",
        Uuid::from(file.id),
        file.user_id.map(Uuid::from),
        file.kind.extension(),
        file.bytes,
        file.sha256.as_slice(),
        file.width,
        file.height,
        i16::from(shard(file.id)),
        file.now,
        file.check_at,
    )
    .execute(db);
    query("file.insert", statement).await?;
    Ok(())
}

/// Shows a file whose object lies there, unless its writer was taken for dead; tells which.
pub async fn update_stored(db: impl PgExecutor<'_>, id: FileId, now: DateTime<Utc>) -> Result<bool, Error> {
    let statement = sqlx::query!(
        "-- file.update_stored
        update files set state = 'stored', stored_at = $2, check_at = null where id = $1 and state = 'storing'",
        Uuid::from(id),
        now,
    )
    .execute(db);
    Ok(query("file.update_stored", statement).await?.rows_affected() == 1)
}

/// A user's file that can be fetched.
pub async fn find_stored(db: impl PgExecutor<'_>, id: FileId) -> Result<Option<StoredFile>, Error> {
    let statement = sqlx::query_as!(
        FileRow,
        "-- file.find_stored
        select id, extension, bytes, sha256, stored_at from files
        where id = $1 and state = 'stored' and user_id is not null",
        Uuid::from(id),
    )
    .fetch_optional(db);
    query("file.find_stored", statement)
        .await?
        .map(FileRow::file)
        .transpose()
}

/// Up to `limit` files of a user, newest first.
pub async fn list_own(
    db: impl PgExecutor<'_>,
    user_id: UserId,
    before: Option<FileId>,
    limit: i64,
) -> Result<Vec<StoredFile>, Error> {
    let statement = sqlx::query_as!(
        FileRow,
        "-- file.list_own
        select id, extension, bytes, sha256, stored_at from files
        where user_id = $1 and state = 'stored' and ($2::uuid is null or id < $2)
        order by id desc limit $3",
        Uuid::from(user_id),
        before.map(Uuid::from),
        limit,
    )
    .fetch_all(db);
    query("file.list_own", statement)
        .await?
        .into_iter()
        .map(FileRow::file)
        .collect()
}

/// Hides a user's file for good; tells whether there was one.
pub async fn update_removing(
    db: impl PgExecutor<'_>,
    id: FileId,
    user_id: UserId,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let statement = sqlx::query!(
        "-- file.update_removing
        update files set state = 'removing', check_at = $3, missing_at = null
        where id = $1 and user_id = $2 and state = 'stored'",
        Uuid::from(id),
        Uuid::from(user_id),
        now,
    )
    .execute(db);
    Ok(query("file.update_removing", statement).await?.rows_affected() == 1)
}
