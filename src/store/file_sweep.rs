//! Rows about files whose objects go, and rows and objects that do not fit each other.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::Error;
use super::statement::query;
use crate::domain::file::PictureKind;
use crate::domain::id::FileId;

const BROKEN: Error = Error::Inconsistent { table: "files" };

/// A file of which only id and kind matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NamedFile {
    /// Its id.
    pub id: FileId,
    /// What it is.
    pub kind: PictureKind,
}

/// A file whose object is to be removed.
#[derive(Clone, Copy, Debug)]
pub struct DueFile {
    /// Which.
    pub file: NamedFile,
    /// Whether the object was removed before.
    pub was_emptied: bool,
}

/// What an operator is told about files.
#[derive(Clone, Copy, Debug)]
pub struct FileFigures {
    /// Those whose object was due to be removed an hour ago, and is not.
    pub overdue: i64,
    /// Those without an object.
    pub missing: i64,
}

fn named(id: Uuid, extension: &str) -> Result<NamedFile, Error> {
    Ok(NamedFile {
        id: id.into(),
        kind: PictureKind::parse(extension).ok_or(BROKEN)?,
    })
}

/// Claims up to `limit` files whose writer died or whose object is to go, until `lease_until`.
pub async fn claim(
    db: impl PgExecutor<'_>,
    now: DateTime<Utc>,
    lease_until: DateTime<Utc>,
    limit: i64,
) -> Result<Vec<DueFile>, Error> {
    let statement = sqlx::query!(
        r#"-- file_sweep.claim
        update files set state = 'removing', check_at = $2
        where id in (select id from files where state <> 'stored' and check_at <= $1 order by check_at limit $3
            for update skip locked)
        returning id, extension, emptied_at is not null as "was_emptied!""#,
        now,
        lease_until,
        limit,
    )
    .fetch_all(db);
    let rows = query("file_sweep.claim", statement).await?;
    rows.into_iter()
        .map(|row| {
            Ok(DueFile {
                file: named(row.id, &row.extension)?,
                was_emptied: row.was_emptied,
            })
        })
        .collect()
}

/// Keeps the row of a file without object until `check_at`, in case a write was late.
pub async fn update_emptied(
    db: impl PgExecutor<'_>,
    id: FileId,
    now: DateTime<Utc>,
    check_at: DateTime<Utc>,
) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- file_sweep.update_emptied
        update files set emptied_at = $2, check_at = $3 where id = $1 and state = 'removing'",
        Uuid::from(id),
        now,
        check_at,
    )
    .execute(db);
    query("file_sweep.update_emptied", statement).await?;
    Ok(())
}

/// Forgets a file without object.
pub async fn delete(db: impl PgExecutor<'_>, id: FileId) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- file_sweep.delete
        delete from files where id = $1 and state = 'removing' and emptied_at is not null",
        Uuid::from(id),
    )
    .execute(db);
    query("file_sweep.delete", statement).await?;
    Ok(())
}

/// Those of `ids` that no row is about.
pub async fn list_unknown(db: impl PgExecutor<'_>, ids: &[Uuid]) -> Result<Vec<Uuid>, Error> {
    let statement = sqlx::query_scalar!(
        r#"-- file_sweep.list_unknown
        select id as "id!" from unnest($1::uuid[]) as listed (id)
        where not exists (select from files where files.id = listed.id)"#,
        ids,
    )
    .fetch_all(db);
    Ok(query("file_sweep.list_unknown", statement).await?)
}

/// Up to `limit` stored files of a part of the store, stored before `before`, by id after `after`.
pub async fn list_shard(
    db: impl PgExecutor<'_>,
    shard: u8,
    before: DateTime<Utc>,
    after: Option<FileId>,
    limit: i64,
) -> Result<Vec<NamedFile>, Error> {
    let statement = sqlx::query!(
        "-- file_sweep.list_shard
        select id, extension from files
        where shard = $1 and state = 'stored' and stored_at < $2 and ($3::uuid is null or id > $3)
        order by id limit $4",
        i16::from(shard),
        before,
        after.map(Uuid::from),
        limit,
    )
    .fetch_all(db);
    let rows = query("file_sweep.list_shard", statement).await?;
    rows.into_iter()
        .map(|row| named(row.id, &row.extension))
        .collect()
}

/// Notes that stored files have no object, or have one again. What was noted before stays.
pub async fn update_missing(
    db: impl PgExecutor<'_>,
    ids: &[Uuid],
    is_missing: bool,
    now: DateTime<Utc>,
) -> Result<u64, Error> {
    let statement = sqlx::query!(
        "-- file_sweep.update_missing
        update files set missing_at = case when $2 then $3::timestamptz end
        where id = any($1) and state = 'stored' and (missing_at is null) = $2",
        ids,
        is_missing,
        now,
    )
    .execute(db);
    Ok(query("file_sweep.update_missing", statement)
        .await?
        .rows_affected())
}

/// Gives up to 1,000 files up that have had no object since before `before`; tells how many.
pub async fn give_up_missing(
    db: impl PgExecutor<'_>,
    before: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<u64, Error> {
    let statement = sqlx::query!(
        "-- file_sweep.give_up_missing
        update files set state = 'removing', check_at = $2, missing_at = null
        where id in (select id from files where missing_at < $1 order by missing_at limit 1000
            for update skip locked)",
        before,
        now,
    )
    .execute(db);
    Ok(query("file_sweep.give_up_missing", statement)
        .await?
        .rows_affected())
}

/// What an operator is told; `before` is an hour ago.
pub async fn figures(db: impl PgExecutor<'_>, before: DateTime<Utc>) -> Result<FileFigures, Error> {
    let statement = sqlx::query_as!(
        FileFigures,
        r#"-- file_sweep.figures
        select (select count(*) from files where state <> 'stored' and check_at < $1) as "overdue!",
            (select count(*) from files where missing_at is not null) as "missing!""#,
        before,
    )
    .fetch_one(db);
    Ok(query("file_sweep.figures", statement).await?)
}
