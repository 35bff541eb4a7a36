//! An object of the store, and the row that is written before it.

use bytes::Bytes;
use chrono::TimeDelta;

use super::object_name;
use crate::domain::id::{FileId, UserId};
use crate::error::AppError;
use crate::file::picture::Picture;
use crate::service::Context;
use crate::store;
use crate::store::file::NewFile;

/// When the writer of an object is taken for dead: long after the last try to write it has ended.
const WRITER_DEAD_AFTER: TimeDelta = TimeDelta::minutes(10);

/// The row of a picture that is about to be written.
pub(super) fn new_file(
    context: &Context,
    user_id: Option<UserId>,
    picture: &Picture,
    sha256: [u8; 32],
) -> Result<NewFile, AppError> {
    let now = context.clock.now();
    Ok(NewFile {
        id: FileId::from(context.entropy.uuid(now)?),
        user_id,
        kind: picture.kind,
        bytes: i64::try_from(picture.bytes.len()).map_err(AppError::internal)?,
        sha256,
        width: i32::try_from(picture.width).map_err(AppError::internal)?,
        height: i32::try_from(picture.height).map_err(AppError::internal)?,
        now,
        check_at: now + WRITER_DEAD_AFTER,
    })
}

/// Writes the object of a row that is committed.
///
/// # Errors
/// `unavailable` when the store fails; the object may be there or not.
pub(super) async fn write(context: &Context, file: &NewFile, bytes: Bytes) -> Result<(), AppError> {
    let name = object_name(context.files.folder(&context.db).await?, file.id, file.kind);
    let put = context
        .files
        .place
        .put(&name, bytes, file.kind.content_type())
        .await;
    Ok(context.files.note_write(put, file.now)?)
}

/// Writes a picture that is no user's: its row, then its object. Nobody sees it before the row says so
/// (`store::file::update_stored`); the sweep removes it if that never happens.
///
/// # Errors
/// `unavailable` when the database or the store fails.
pub async fn write_unowned(
    context: &Context,
    picture: &Picture,
    bytes: Bytes,
    sha256: [u8; 32],
) -> Result<FileId, AppError> {
    let file = new_file(context, None, picture, sha256)?;
    store::file::insert(&context.db, &file).await?;
    write(context, &file, bytes).await?;
    Ok(file.id)
}
