//! Whether WeChat takes the mini programs' ids and secrets, from this address.

use futures_util::future::join_all;

use super::super::access_tokens;
use super::Finding;
use crate::domain::access_token::Issuer;
use crate::domain::name::AppId;
use crate::service::Context;
use crate::wechat::mini::token::{FetchError, fetch};
use crate::wechat::secret::AppSecret;

pub(super) async fn examine(context: &Context) -> Vec<Finding> {
    let programs = context.mini_programs.secrets.iter();
    join_all(programs.map(|(app_id, secret)| ask(context, app_id, secret))).await
}

/// The stable token is the same for all who ask without force, so that nobody loses one by this.
async fn ask(context: &Context, app_id: &AppId, secret: &AppSecret) -> Finding {
    let subject = format!("mini program {app_id}");
    let program = (app_id, secret);
    let (upstream, base_url) = (&context.mini_programs.upstream, &context.mini_programs.base_url);
    match fetch(upstream, base_url, program, Issuer::Stable, false).await {
        Ok(_) => Finding::holds(subject, "WeChat gives an access token"),
        Err(FetchError::Refused { errcode, address }) => {
            let cure = access_tokens::cure(errcode, address.as_deref());
            Finding::fails(subject, format!("WeChat gives no access token: {cure}"))
        }
        Err(error @ (FetchError::Unavailable | FetchError::Timeout)) => Finding::fails(
            subject,
            format!(
                "{error}: this server must reach {base_url}; look at its network and at WECHAT_API_BASE_URL"
            ),
        ),
    }
}
