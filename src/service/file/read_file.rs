//! Anybody fetches a file; its owner lists them.

use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use chrono::{DateTime, Utc};
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use tokio::sync::OwnedSemaphorePermit;

use super::object_name;
use crate::domain::file::{PictureKind, StoredFile};
use crate::domain::id::{FileId, UserId};
use crate::error::{AppError, ErrorCode};
use crate::file::place::{Piece, Place, PlaceError};
use crate::service::Context;
use crate::store;
use crate::telemetry::Shed;

/// What is in memory goes out in pieces of this size, as what is in a folder does.
const PIECE_BYTES: usize = 8 * 1024;

/// The content of a file on its way out, and the right to send it.
#[expect(
    missing_debug_implementations,
    reason = "a stream has no form that says anything"
)]
pub struct Content {
    /// Piece by piece, as they are asked for.
    pub pieces: BoxStream<'static, Result<Piece, PlaceError>>,
    /// To be held until the last piece is sent.
    pub turn: OwnedSemaphorePermit,
}

impl Content {
    /// What is in memory already, in pieces, so that the right to send it lasts until a client has taken nearly all.
    pub fn of(bytes: Bytes, turn: OwnedSemaphorePermit) -> Self {
        let pieces = (0..bytes.len()).step_by(PIECE_BYTES).map(move |begin| {
            let end = begin.saturating_add(PIECE_BYTES).min(bytes.len());
            Ok(bytes.slice(begin..end))
        });
        Self {
            pieces: stream::iter(pieces.collect::<Vec<_>>()).boxed(),
            turn,
        }
    }
}

/// The right to send one more picture, to be held until its last piece is sent.
///
/// # Errors
/// `unavailable` when too many are being sent.
pub fn take_turn(context: &Context) -> Result<OwnedSemaphorePermit, AppError> {
    Arc::clone(&context.files.readers)
        .try_acquire_owned()
        .map_err(|_| {
            Shed::FileReaders.count();
            AppError::new(ErrorCode::Unavailable).detail("Too many files are being sent.")
        })
}

/// The file of an address.
///
/// # Errors
/// `not_found` when there is none, or one of another kind.
pub async fn find_file(context: &Context, id: FileId, kind: PictureKind) -> Result<StoredFile, AppError> {
    let file = store::file::find_stored(&context.db, id).await?;
    file.filter(|file| file.kind == kind)
        .ok_or_else(|| AppError::new(ErrorCode::NotFound))
}

/// Begins to read a part of a file.
///
/// # Errors
/// `unavailable` when the store fails or too many are reading.
pub async fn open_file(context: &Context, file: &StoredFile, range: Range<u64>) -> Result<Content, AppError> {
    let files = &context.files;
    let turn = take_turn(context)?;
    let name = object_name(files.folder(&context.db).await?, file.id, file.kind);
    let read = files.place.read(&name, range).await;
    let pieces = files.note(read, context.clock.now())?;
    Ok(Content { pieces, turn })
}

/// The whole content of a file; nothing when it has no object. The caller bounds how many are read at once.
///
/// # Errors
/// `unavailable` when the store fails or has something else by that name.
pub async fn read_whole(context: &Context, file: &StoredFile) -> Result<Option<Bytes>, AppError> {
    let files = &context.files;
    let name = object_name(files.folder(&context.db).await?, file.id, file.kind);
    let read = collect(&files.place, &name, file.bytes).await;
    match files.note(read, context.clock.now()) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(PlaceError::Missing) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

async fn collect(place: &Place, name: &str, bytes: u64) -> Result<Bytes, PlaceError> {
    let length = usize::try_from(bytes).map_err(|error| PlaceError::Failed(error.to_string()))?;
    let mut pieces = place.read(name, 0..bytes).await?;
    let mut content = BytesMut::with_capacity(length);
    while let Some(piece) = pieces.next().await {
        content.extend_from_slice(&piece?);
    }
    if content.len() != length {
        return Err(PlaceError::Failed(
            "an object has another length than its row says".to_owned(),
        ));
    }
    Ok(content.freeze())
}

/// A page of a user's files, newest first, and where the next begins.
pub async fn list_files(
    context: &Context,
    user_id: UserId,
    before: Option<FileId>,
    limit: u32,
) -> Result<(Vec<StoredFile>, Option<FileId>), AppError> {
    let wanted = i64::from(limit).saturating_add(1);
    let mut files = store::file::list_own(&context.db, user_id, before, wanted).await?;
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = files.len() > limit;
    files.truncate(limit);
    let next = files.last().filter(|_| has_more).map(|file| file.id);
    Ok((files, next))
}

/// Its age in whole seconds is what `Last-Modified` can say.
pub fn modified_at(file: &StoredFile) -> DateTime<Utc> {
    DateTime::from_timestamp(file.stored_at.timestamp(), 0).unwrap_or(file.stored_at)
}
