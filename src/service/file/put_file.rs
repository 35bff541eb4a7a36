//! A user sends a picture.

use std::sync::Arc;

use bytes::Bytes;

use super::{UploadMemory, object};
use crate::domain::file::{
    BYTES_PER_USER_MAX, FILES_PER_USER_MAX, QuotaError, StoredFile, UPLOAD_WINDOW, UPLOADS_MAX,
};
use crate::domain::id::UserId;
use crate::error::{AppError, ErrorCode};
use crate::file::picture::{self, Picture};
use crate::file::place;
use crate::service::Context;
use crate::store;
use crate::store::file::NewFile;

/// What was sent, and the memory it is held in.
#[derive(Debug)]
pub struct Upload {
    /// The bytes.
    pub content: Bytes,
    /// Given back when this is dropped.
    pub memory: UploadMemory,
}

/// Keeps a picture.
///
/// # Errors
/// `file_invalid` for what is no picture; `file_quota_reached`, `rate_limited`; `unavailable` when the
/// store fails.
pub async fn put_file(
    context: &Arc<Context>,
    user_id: UserId,
    upload: Upload,
) -> Result<StoredFile, AppError> {
    let cleaning = tokio::task::spawn_blocking(move || {
        let picture = picture::clean(&upload.content)?;
        let sha256 = place::sha256(&picture.bytes);
        Ok::<_, picture::PictureError>((picture, sha256, upload.memory))
    });
    let (picture, sha256, memory) = cleaning
        .await
        .map_err(AppError::internal)?
        .map_err(|error| AppError::new(ErrorCode::FileInvalid).detail(sentence(&error.to_string())))?;
    let keeper = Arc::clone(context);
    // A client that leaves must not leave half a file behind.
    context
        .detached(async move {
            let kept = keep(&keeper, user_id, picture, sha256).await;
            drop(memory);
            kept
        })
        .await
}

async fn keep(
    context: &Context,
    user_id: UserId,
    picture: Picture,
    sha256: [u8; 32],
) -> Result<StoredFile, AppError> {
    let file = object::new_file(context, Some(user_id), &picture, sha256)?;
    write_intent(context, user_id, &file).await?;
    let bytes = picture.bytes.len();
    object::write(context, &file, Bytes::from(picture.bytes)).await?;
    let stored_at = context.clock.now();
    if !store::file::update_stored(&context.db, file.id, stored_at).await? {
        return Err(AppError::new(ErrorCode::Unavailable).detail("Writing the file took too long."));
    }
    Ok(StoredFile {
        id: file.id,
        kind: file.kind,
        bytes: u64::try_from(bytes).map_err(AppError::internal)?,
        sha256,
        stored_at,
    })
}

/// The row before the object, if the user may have one more.
async fn write_intent(context: &Context, user_id: UserId, file: &NewFile) -> Result<(), AppError> {
    let mut transaction = context.db.begin().await?;
    store::file::lock_user(&mut *transaction, user_id).await?;
    let usage = store::file::usage(&mut *transaction, user_id, file.now - UPLOAD_WINDOW).await?;
    usage.allow(file.bytes, file.now).map_err(refuse)?;
    store::file::insert(&mut *transaction, file).await?;
    transaction.commit().await?;
    Ok(())
}

fn refuse(error: QuotaError) -> AppError {
    let full = |detail: String| AppError::new(ErrorCode::FileQuotaReached).detail(detail);
    match error {
        QuotaError::Files => full(format!("At most {FILES_PER_USER_MAX} files for each user.")),
        QuotaError::Bytes => full(format!("At most {BYTES_PER_USER_MAX} bytes for each user.")),
        QuotaError::Rate { wait_s } => AppError::new(ErrorCode::RateLimited)
            .detail(format!("At most {UPLOADS_MAX} uploads an hour."))
            .retry_after_s(wait_s),
    }
}

/// A reason as a sentence of its own.
fn sentence(reason: &str) -> String {
    let mut letters = reason.chars();
    match letters.next() {
        Some(first) => format!("{}{}.", first.to_uppercase(), letters.as_str()),
        None => String::new(),
    }
}
