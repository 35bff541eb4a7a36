//! Finishing what a change of a collection left half done: indexes that were never finished or are no
//! longer wanted, a schema that was never found to hold, and collections that were removed.

use std::time::Duration;

use sqlx::PgConnection;

use crate::error::{AppError, ErrorCode};
use crate::service::Context;
use crate::store;

/// How long one statement of it may take: the loop comes again.
const STEP_MAX: Duration = Duration::from_secs(10);
/// How long all of them may take: a removal of ten indexes has twenty that may be slow.
const TIDY_MAX: Duration = Duration::from_mins(4);

/// Finishes one collection that somebody left half done; tells whether there was one. One that cannot be finished
/// now is passed over, so that it does not hold up those behind it.
///
/// # Errors
/// When there is one that cannot be finished, and no other that can.
pub async fn tidy(context: &Context) -> Result<bool, AppError> {
    let mut failed = None;
    for (id, is_removed) in store::collection_index::list_untidy(&context.db).await? {
        match tidy_one(context, id, is_removed).await {
            Ok(true) => return Ok(true),
            Ok(false) => {}
            Err(error) => failed = Some(error),
        }
    }
    failed.map_or(Ok(false), Err)
}

/// Finishes this one, unless somebody is at it; tells whether it was finished here. A database that says nothing any more
/// is given up.
pub(super) async fn tidy_one(context: &Context, id: i32, is_removed: bool) -> Result<bool, AppError> {
    let work = tidy_it(context, id, is_removed);
    let done = tokio::time::timeout(TIDY_MAX, work).await;
    done.unwrap_or_else(|late| Err(AppError::new(ErrorCode::Unavailable).caused_by(late)))
}

async fn tidy_it(context: &Context, id: i32, is_removed: bool) -> Result<bool, AppError> {
    let mut apart = context.db.connect_apart(STEP_MAX).await?;
    if !store::collection_index::lock(&mut apart, id).await? {
        return Ok(false);
    }
    if is_removed {
        store::collection_index::remove_collection(&mut apart, id).await?;
    } else {
        finish(&mut apart, id).await?;
    }
    Ok(true)
}

/// Removes the indexes of a collection that are on their way in or out, and gives up the schema that is on its way
/// in; under the collection's lock they are nobody's.
pub(super) async fn finish(apart: &mut PgConnection, id: i32) -> Result<(), AppError> {
    store::collection_schema::update_given_up(&mut *apart, id).await?;
    for number in store::collection_index::list_unfinished(&mut *apart, id).await? {
        store::collection_index::remove(apart, id, number).await?;
    }
    Ok(())
}
