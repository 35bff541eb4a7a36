//! Images that nobody asks for any more.

use crate::domain::allowance::ALLOWANCE_TIME;
use crate::domain::wxacode::{CODES_MAX, KEPT_UNUSED};
use crate::error::AppError;
use crate::service::Context;
use crate::store;

/// Each forgets 1,000 that are too old and 1,000 that are too many at the most.
const ROUNDS_MAX: u32 = 10;

/// Forgets images that were not asked for in a long time, or are beyond the number that is kept, and days of users
/// that are over. The sweep of files removes the pictures.
///
/// # Errors
/// `unavailable` when the database fails.
pub async fn retire(context: &Context) -> Result<(), AppError> {
    let now = context.clock.now();
    for _ in 0..ROUNDS_MAX {
        let images = store::wxacode::delete_unused(&context.db, now - KEPT_UNUSED, CODES_MAX, now).await?;
        let days = store::wxacode_allowance::delete_old(&context.db, now - ALLOWANCE_TIME).await?;
        if images > 0 {
            context.alarms.files.set(now);
        }
        if images == 0 && days == 0 {
            break;
        }
    }
    Ok(())
}
