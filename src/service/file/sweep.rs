//! Removes the objects of files that are gone, and finds rows and objects that do not fit each other.

use std::collections::HashSet;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::{StreamExt as _, stream};
use uuid::Uuid;

use super::{object_name, shard_folder};
use crate::domain::file::{PictureKind, parse_name};
use crate::domain::id::FileId;
use crate::error::AppError;
use crate::file::place::{Listed, PlaceError};
use crate::service::Context;
use crate::store;
use crate::store::file_sweep::{DueFile, NamedFile};

/// Files of one turn, and how many of them at the same time.
const BATCH: i64 = 32;
const AT_ONCE: usize = 8;
/// After a removal that failed or whose worker died it is tried again.
const LEASE: TimeDelta = TimeDelta::minutes(5);
/// A write that was late is removed then, and the row with it.
const FORGET_AFTER: TimeDelta = TimeDelta::days(1);

/// A part of the store is compared with its rows this often, so all 256 within a day and a half.
pub const AUDIT_EVERY: Duration = Duration::from_mins(8);
/// Objects and rows of one comparison, and its time.
const AUDIT_MAX: usize = 50_000;
const AUDIT_PAGE: usize = 500;
const AUDIT_TIME: Duration = Duration::from_secs(12);
/// An object without a row is younger than this only if clocks disagree.
const ORPHAN_AGE: TimeDelta = TimeDelta::days(1);
/// A stored file without an object is given up after this.
const MISSING_KEPT: TimeDelta = TimeDelta::days(30);

/// Removes the objects of up to 32 files that nobody shall see; tells whether there may be more.
///
/// # Errors
/// `unavailable` when the database or the store fails.
pub async fn remove_due(context: &Context) -> Result<bool, AppError> {
    let now = context.clock.now();
    let due = store::file_sweep::claim(&context.db, now, now + LEASE, BATCH).await?;
    if due.is_empty() {
        return Ok(false);
    }
    let store_id = context.files.folder(&context.db).await?;
    let outcomes: Vec<Result<(), AppError>> = stream::iter(due)
        .map(|due| remove(context, store_id, due, now))
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    outcomes.into_iter().collect::<Result<(), AppError>>()?;
    Ok(true)
}

async fn remove(context: &Context, store_id: Uuid, due: DueFile, now: DateTime<Utc>) -> Result<(), AppError> {
    let NamedFile { id, kind } = due.file;
    let removed = context.files.place.remove(&object_name(store_id, id, kind)).await;
    context.files.note(removed, now)?;
    if due.was_emptied {
        store::file_sweep::delete(&context.db, id).await?;
    } else {
        store::file_sweep::update_emptied(&context.db, id, now, now + FORGET_AFTER).await?;
    }
    Ok(())
}

/// Compares one part of the store with its rows. Which one follows from the time alone, so that
/// nothing has to be remembered and every replica may do it.
///
/// # Errors
/// `unavailable` when the database or the store fails.
pub async fn audit(context: &Context) -> Result<(), AppError> {
    let now = context.clock.now();
    store::file_sweep::give_up_missing(&context.db, now - MISSING_KEPT, now).await?;
    let period = i64::try_from(AUDIT_EVERY.as_secs()).unwrap_or(i64::MAX);
    let [.., shard] = now.timestamp().div_euclid(period).to_be_bytes();
    match tokio::time::timeout(AUDIT_TIME, compare(context, shard, now)).await {
        Ok(outcome) => outcome,
        Err(_) => Err(PlaceError::Failed("comparing a part of it takes too long".to_owned()).into()),
    }
}

async fn compare(context: &Context, shard: u8, now: DateTime<Utc>) -> Result<(), AppError> {
    let store_id = context.files.folder(&context.db).await?;
    let folder = shard_folder(store_id, shard);
    let mut pages = context
        .files
        .place
        .list(&folder)
        .take(AUDIT_MAX)
        .chunks(AUDIT_PAGE);
    let mut present = HashSet::new();
    while let Some(page) = pages.next().await {
        let page: Result<Vec<Listed>, PlaceError> = page.into_iter().collect();
        let page = context.files.note(page, now)?;
        remove_orphans(context, &folder, &page, now).await?;
        present.extend(page.iter().filter_map(|listed| parse_name(&listed.name)));
    }
    if present.len() >= AUDIT_MAX {
        // The list breaks off, so that what is not in it is not missing.
        tracing::warn!(
            shard,
            "a part of the store has more files than one comparison takes"
        );
        return Ok(());
    }
    find_missing(context, store_id, shard, &present, now).await
}

/// Removes objects that no row is about. Their names say that this database's files once had them.
async fn remove_orphans(
    context: &Context,
    folder: &str,
    page: &[Listed],
    now: DateTime<Utc>,
) -> Result<(), AppError> {
    let old = page.iter().filter(|listed| listed.modified_at < now - ORPHAN_AGE);
    let old: Vec<(Uuid, &str)> = old
        .filter_map(|listed| Some((parse_name(&listed.name)?.0.into(), listed.name.as_str())))
        .collect();
    let ids: Vec<Uuid> = old.iter().map(|(id, _)| *id).collect();
    let unknown = store::file_sweep::list_unknown(&context.db, &ids).await?;
    for (_, name) in old.iter().filter(|(id, _)| unknown.contains(id)) {
        let removed = context.files.place.remove(&format!("{folder}/{name}")).await;
        context.files.note(removed, now)?;
        tracing::warn!(file = name, "removed an object that no row is about");
    }
    Ok(())
}

/// Notes which stored files have no object, and which have one again. Nothing is removed for it: a
/// folder that is not mounted would take all rows with it.
async fn find_missing(
    context: &Context,
    store_id: Uuid,
    shard: u8,
    present: &HashSet<(FileId, PictureKind)>,
    now: DateTime<Utc>,
) -> Result<(), AppError> {
    let page = i64::try_from(AUDIT_PAGE).unwrap_or(i64::MAX);
    let mut after = None;
    loop {
        let rows = store::file_sweep::list_shard(&context.db, shard, now, after, page).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = Some(last.id);
        let (mut found, mut missing) = (Vec::new(), Vec::new());
        for NamedFile { id, kind } in rows {
            // What is not listed may have been written after the list began.
            let is_there = present.contains(&(id, kind)) || has(context, store_id, id, kind).await?;
            let side = if is_there { &mut found } else { &mut missing };
            side.push(Uuid::from(id));
        }
        store::file_sweep::update_missing(&context.db, &found, false, now).await?;
        let noted = store::file_sweep::update_missing(&context.db, &missing, true, now).await?;
        if noted > 0 {
            tracing::warn!(shard, files = noted, "files have no object in the store");
        }
    }
}

async fn has(context: &Context, store_id: Uuid, id: FileId, kind: PictureKind) -> Result<bool, AppError> {
    let has = context.files.place.has(&object_name(store_id, id, kind)).await;
    Ok(context.files.note(has, context.clock.now())?)
}
