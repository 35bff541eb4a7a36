//! Whether files of users can be written, read and removed.

use super::Finding;
use crate::service::Context;

const SUBJECT: &str = "files";

pub(super) async fn examine(context: &Context) -> Finding {
    match context.files.examine(context.entropy).await {
        Ok(()) => Finding::holds(SUBJECT, "one was written, found and removed"),
        Err(error) => Finding::fails(
            SUBJECT,
            format!(
                "{error}: look at FILES_URL, at the variables beside it, and at the room and the rights of the store"
            ),
        ),
    }
}
