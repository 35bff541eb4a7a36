//! `EVENTS_…`

use secrecy::SecretString;
use url::Url;

use super::{Noted, Reader, secret};

/// Where order events are delivered.
#[derive(Debug)]
pub struct EventSettings {
    /// Receives the events.
    pub webhook_url: Url,
    /// Signs them: `whsec_` and the base64 of 24 to 64 bytes, as Standard Webhooks has it.
    pub webhook_secret: SecretString,
}

impl EventSettings {
    /// Reads the section; `None` means that no events are delivered.
    pub fn read(reader: &Reader<'_>) -> Result<Option<Self>, Noted> {
        let url = reader.optional("EVENTS_WEBHOOK_URL");
        let text = reader.optional("EVENTS_WEBHOOK_SECRET");
        let (url, text) = match (url, text) {
            (None, None) => return Ok(None),
            (Some(url), Some(text)) => (url, text),
            (Some(_), None) => {
                return Err(reader.problem("EVENTS_WEBHOOK_SECRET", "is required with EVENTS_WEBHOOK_URL"));
            }
            (None, Some(_)) => {
                return Err(reader.problem("EVENTS_WEBHOOK_URL", "is required with EVENTS_WEBHOOK_SECRET"));
            }
        };
        let url = reader.url("EVENTS_WEBHOOK_URL", &url, &["https", "http"]);
        let bytes = text.strip_prefix("whsec_").and_then(secret::decode);
        if !bytes.is_some_and(|bytes| (24..=64).contains(&bytes.len())) || secret::weakness(&text).is_some() {
            let what = "must be `whsec_` and the base64 of 24 to 64 random bytes";
            return Err(reader.problem("EVENTS_WEBHOOK_SECRET", what));
        }
        Ok(Some(Self {
            webhook_url: url?,
            webhook_secret: text.into(),
        }))
    }
}
