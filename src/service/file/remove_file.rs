//! A user takes a file away.

use crate::domain::id::{FileId, UserId};
use crate::error::{AppError, ErrorCode};
use crate::service::Context;
use crate::store;

/// Hides a user's own file at once and for good; the loop removes its object.
///
/// # Errors
/// `not_found` when the user has no such file.
pub async fn remove_file(context: &Context, user_id: UserId, id: FileId) -> Result<(), AppError> {
    let now = context.clock.now();
    if !store::file::update_removing(&context.db, id, user_id, now).await? {
        return Err(AppError::new(ErrorCode::NotFound));
    }
    context.alarms.files.set(now);
    Ok(())
}
