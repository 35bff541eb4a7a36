//! Where somebody else's server hears of events.

use std::fmt;

use url::Url;

/// The address of a receiver. Path and query may be what it lets a sender in by, so they are not printed.
#[derive(Clone, PartialEq, Eq)]
pub struct WebhookUrl(Url);

impl WebhookUrl {
    /// The address as it was set.
    pub fn new(url: Url) -> Self {
        Self(url)
    }

    /// The whole address, for sending.
    pub fn expose(&self) -> &Url {
        &self.0
    }
}

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "WebhookUrl({}/…)", self.0.origin().ascii_serialization())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_host_shows() {
        let url = WebhookUrl::new("https://erp.example:8443/in/Xk9v?key=q8Zr".parse().unwrap());
        assert_eq!(format!("{url:?}"), "WebhookUrl(https://erp.example:8443/…)");
    }
}
