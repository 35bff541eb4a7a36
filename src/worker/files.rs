//! Removes the objects of files that are gone, forgets code images that nobody asks for, and compares the store
//! with the rows.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::FutureExt as _;

use super::turn::{Loop, Next, Pace};
use crate::error::AppError;
use crate::service::Context;
use crate::service::file::sweep;
use crate::service::mini::wxacode::retire;

pub(super) const SWEEP: Loop = Loop {
    name: "files",
    is_wanted: |_| true,
    pace: Pace::Rows(Some(|alarms| &alarms.files)),
    pause: Duration::from_mins(1),
    pause_failed: Duration::from_mins(1),
    turn: |context| turn(context).boxed(),
};

pub(super) const AUDIT: Loop = Loop {
    name: "file_audit",
    is_wanted: |_| true,
    pace: Pace::Period,
    pause: sweep::AUDIT_EVERY,
    pause_failed: sweep::AUDIT_EVERY,
    turn: |context| audit(context).boxed(),
};

/// Code images that nobody asks for become pictures to be removed, which may as well be seen by the comparison.
async fn audit(context: Arc<Context>) -> Result<Next, AppError> {
    retire(&context).await?;
    sweep::audit(&context).await?;
    Ok(Next::Later)
}

async fn turn(context: Arc<Context>) -> Result<Next, AppError> {
    Ok(if sweep::remove_due(&context).await? {
        Next::AtOnce
    } else {
        Next::Later
    })
}
