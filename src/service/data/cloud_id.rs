//! Data by cloudID: handles that the page's WeChat gave become the data they stand for.

use std::sync::Arc;

use crate::error::AppError;
use crate::service::Context;
use crate::service::login::session::LiveSession;
use crate::service::mini::{CallError, call};
use crate::wechat::mini::cloud_id;
pub use crate::wechat::mini::cloud_id::Opened;

/// What became of each of `ids`, in their order. One that is there twice is asked for once.
///
/// # Errors
/// When WeChat refuses the whole call or cannot be asked.
pub async fn open(
    context: &Arc<Context>,
    session: &LiveSession,
    ids: &[String],
) -> Result<Vec<Opened>, AppError> {
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let mut wanted = ids.clone();
    wanted.sort_unstable();
    wanted.dedup();
    let request = cloud_id::call(&session.openid, &wanted).map_err(AppError::internal)?;
    let reply = call(context, &session.app_id, &request).await?;
    let opened = cloud_id::read(&reply, &ids, &session.app_id, &session.openid);
    Ok(opened.map_err(CallError::from)?)
}
