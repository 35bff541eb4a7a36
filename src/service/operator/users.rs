//! Looking for users.

use crate::domain::id::UserId;
use crate::domain::phone_number::WantedNumber;
use crate::error::{AppError, ErrorCode};
use crate::service::Context;
use crate::store;
pub use crate::store::user_search::{FoundUser, LinkedUser};

/// As many as there may be mini programs.
const LINKED_MAX: i64 = 100;

/// Up to `limit` users who gave this phone number last, newest first, before a user, and the one to go
/// on from if there are more. Numbers kept under an older data key are found as well.
pub async fn find_by_phone_number(
    context: &Context,
    wanted: &WantedNumber,
    before: Option<UserId>,
    limit: u32,
) -> Result<(Vec<FoundUser>, Option<UserId>), AppError> {
    let hashes = store::phone_number::hashes(&context.vault, wanted);
    let (db, vault, room) = (&context.db, &context.vault, i64::from(limit) + 1);
    let mut found = store::user_search::list_by_phone_number(db, vault, &hashes, before, room).await?;
    let wanted = usize::try_from(limit).unwrap_or(usize::MAX);
    let has_more = found.len() > wanted;
    found.truncate(wanted);
    let next = found.last().map(|last| last.user.id).filter(|_| has_more);
    Ok((found, next))
}

/// One user, and the same person in other mini programs, as far as WeChat has told.
///
/// # Errors
/// `not_found`.
pub async fn read(context: &Context, id: UserId) -> Result<(FoundUser, Vec<LinkedUser>), AppError> {
    let found = store::user_search::find(&context.db, &context.vault, id)
        .await?
        .ok_or_else(|| AppError::new(ErrorCode::NotFound))?;
    let linked = store::user_search::list_linked(&context.db, id, LINKED_MAX).await?;
    Ok((found, linked))
}
