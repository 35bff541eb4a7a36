//! Access tokens for the owner's other services: told, and told to be dead.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use subtle::ConstantTimeEq as _;

use super::access_token::{look, open, replace, secret_hashes};
use super::memory::LiveToken;
use crate::domain::access_token::Reason;
use crate::domain::name::AppId;
use crate::error::AppError;
use crate::service::Context;
use crate::store;
use crate::wechat::secret::AccessToken;

/// A token that is handed out.
#[derive(Clone, Debug)]
pub struct SharedToken {
    /// The mini program.
    pub app_id: AppId,
    token: AccessToken,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

impl SharedToken {
    fn new(app_id: AppId, live: LiveToken) -> Self {
        Self {
            app_id,
            token: live.token,
            expires_at: live.expires_at,
        }
    }

    /// The token itself.
    pub fn expose(&self) -> &str {
        self.token.expose()
    }
}

/// The live token of the named mini program or the default one, by its row: never one that is known to be dead.
///
/// # Errors
/// `validation_failed` for an unknown mini program; as for a call when there is no token.
pub async fn read_token(context: &Arc<Context>, app_id: Option<AppId>) -> Result<SharedToken, AppError> {
    let app_id = app_id.unwrap_or_else(|| context.mini_programs.default.clone());
    let live = look(context, &app_id).await?;
    Ok(SharedToken::new(app_id, live))
}

/// Says that WeChat refused exactly this token. If it is still the one that is handed out, it is replaced, by one
/// refresh however many say so; gives the one that works.
///
/// # Errors
/// As for [`read_token`].
pub async fn report_token(
    context: &Arc<Context>,
    app_id: Option<AppId>,
    reported: &str,
) -> Result<SharedToken, AppError> {
    let app_id = app_id.unwrap_or_else(|| context.mini_programs.default.clone());
    let hashes = secret_hashes(context, &app_id)?;
    let row = store::access_token::find(&context.db, &app_id, &hashes).await?;
    let known = row.and_then(|row| row.token).and_then(|(sealed, number)| {
        let token = open(context, &app_id, &sealed)?;
        Some((token, number))
    });
    let live = match known {
        Some((token, number)) if bool::from(token.expose().as_bytes().ct_eq(reported.as_bytes())) => {
            replace(context, &app_id, number, Reason::Reported).await?
        }
        Some(_) | None => look(context, &app_id).await?,
    };
    Ok(SharedToken::new(app_id, live))
}
