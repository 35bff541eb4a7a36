//! The HTTP client of the simulator: delivers notifications and forwards what the phone sends.

use std::time::Duration;

use super::error::Error;

/// `WeChat` waits five seconds for the answer to a notification.
pub(super) const NOTIFICATION_TIMEOUT: Duration = Duration::from_secs(5);

/// `wx.request` gives up after a minute.
pub(super) const PHONE_TIMEOUT: Duration = Duration::from_mins(1);

/// Follows no redirect and uses no proxy, as neither do `WeChat`'s senders.
pub(super) fn client() -> Result<reqwest::Client, Error> {
    #[expect(clippy::disallowed_methods, reason = "the simulator's only HTTP client")]
    let builder = reqwest::Client::builder();
    builder
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(NOTIFICATION_TIMEOUT)
        .timeout(PHONE_TIMEOUT)
        .user_agent("Mozilla/4.0")
        .build()
        .map_err(Error::Client)
}
