//! What an address for notifications must look like.

use url::{Host, Url};

use super::answer::Refusal;

/// https, or plain http to this machine, without a query.
pub(super) fn check(text: &str) -> Result<(), Refusal> {
    let refused = |issue: &str| Err(Refusal::field("/notify_url", issue));
    let Ok(url) = Url::parse(text) else {
        return refused("not a URL");
    };
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => {}
        "http" if is_loopback => {}
        _ => return refused("must be https"),
    }
    if url.query().is_some() || url.fragment().is_some() {
        return refused("must have no query");
    }
    if !url.username().is_empty() || url.password().is_some() {
        return refused("must hold no name and password");
    }
    Ok(())
}
