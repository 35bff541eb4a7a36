//! `EVENTS_…`

use secrecy::SecretBox;

use super::{Noted, Reader, secret};
use crate::domain::webhook_url::WebhookUrl;

/// Where order events are delivered.
#[derive(Debug)]
pub struct EventSettings {
    /// Receives the events: https, or plain http on this machine.
    pub webhook_url: WebhookUrl,
    /// Signs them: 24 to 64 bytes, as Standard Webhooks has it.
    pub webhook_key: SecretBox<Vec<u8>>,
}

impl EventSettings {
    /// Reads the section; `None` means that no events are delivered.
    pub fn read(reader: &Reader<'_>) -> Result<Option<Self>, Noted> {
        let url = reader.optional("EVENTS_WEBHOOK_URL");
        let text = reader.optional("EVENTS_WEBHOOK_SECRET");
        if url.is_none() && text.is_none() {
            return Ok(None);
        }
        // Both are judged whichever is missing, so that one start tells all.
        let url = match url {
            Some(_) => reader.address("EVENTS_WEBHOOK_URL").map(WebhookUrl::new),
            None => Err(reader.problem("EVENTS_WEBHOOK_URL", "is required with EVENTS_WEBHOOK_SECRET")),
        };
        let key = match text {
            Some(text) => key(reader, &text),
            None => Err(reader.problem("EVENTS_WEBHOOK_SECRET", "is required with EVENTS_WEBHOOK_URL")),
        };
        Ok(Some(Self {
            webhook_url: url?,
            webhook_key: key?,
        }))
    }
}

fn key(reader: &Reader<'_>, text: &str) -> Result<SecretBox<Vec<u8>>, Noted> {
    let text = text.strip_prefix("whsec_").unwrap_or(text);
    secret::decode(text)
        .filter(|bytes| (24..=64).contains(&bytes.len()) && secret::weakness(text).is_none())
        .map(|key| SecretBox::new(Box::new(key)))
        .ok_or_else(|| {
            let what = "must be the base64 of 24 to 64 random bytes, with `whsec_` before it or without";
            reader.problem("EVENTS_WEBHOOK_SECRET", what)
        })
}
