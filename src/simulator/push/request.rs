//! A push as a request: the query that signs, and the body.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::json;
use url::form_urlencoded::Serializer;
use utoipa::ToSchema;

use super::PushSettings;
use super::message::{json_text, original_id, xml_text};
use super::seal::{seal, sign};
use crate::simulator::error::Error;
use crate::simulator::options::{PushFormat, PushMode};

/// A finished request, a `POST`.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in crate::simulator) struct Request {
    /// With the query.
    pub(super) url: String,
    pub(super) content_type: &'static str,
    pub(super) body: String,
}

/// How a signature is spoilt, if at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Spoiling {
    None,
    /// Of another nonce.
    Wrong,
    Missing,
    /// In the place of the one over what is sealed stands the one of the query alone.
    OfQuery,
}

/// What a request is made of.
pub(super) struct Letter<'a> {
    pub(super) settings: &'a PushSettings,
    pub(super) url: &'a str,
    pub(super) openid: &'a str,
    pub(super) text: &'a str,
    /// For whom it is sealed.
    pub(super) app_id: &'a str,
    pub(super) signed_at: DateTime<Utc>,
    pub(super) nonce: &'a str,
    pub(super) random: [u8; 16],
    pub(super) spoiling: Spoiling,
}

/// Makes the request.
pub(super) fn make(letter: &Letter<'_>) -> Result<Request, Error> {
    let settings = letter.settings;
    let timestamp = letter.signed_at.timestamp().to_string();
    let signed_nonce = match letter.spoiling {
        Spoiling::Wrong => "another",
        Spoiling::None | Spoiling::Missing | Spoiling::OfQuery => letter.nonce,
    };
    let signature = sign(&[&settings.token, &timestamp, signed_nonce]);
    let mut query = vec![
        ("timestamp", timestamp.clone()),
        ("nonce", letter.nonce.to_owned()),
    ];
    if letter.spoiling != Spoiling::Missing {
        query.push(("signature", signature.clone()));
    }
    query.push(("openid", letter.openid.to_owned()));
    let body = if settings.mode == PushMode::Plain {
        letter.text.to_owned()
    } else {
        let sealed = seal(
            &settings.encoding_aes_key,
            letter.random,
            letter.text,
            letter.app_id,
        )
        .ok_or(Error::Setting("an EncodingAESKey has 43 characters of base64"))?;
        let over_body = match letter.spoiling {
            Spoiling::OfQuery => signature,
            _ => sign(&[&settings.token, &timestamp, signed_nonce, &sealed]),
        };
        query.push(("encrypt_type", "aes".to_owned()));
        if letter.spoiling != Spoiling::Missing {
            query.push(("msg_signature", over_body));
        }
        envelope(settings, letter.text, &sealed)
    };
    let query = Serializer::new(String::new()).extend_pairs(query).finish();
    Ok(Request {
        url: format!("{}?{query}", letter.url),
        content_type: match settings.format {
            PushFormat::Json => "application/json",
            PushFormat::Xml => "text/xml",
        },
        body,
    })
}

/// What is sealed, behind the clear text in the compatible mode, else behind whom it is for.
fn envelope(settings: &PushSettings, text: &str, sealed: &str) -> String {
    let is_compatible = settings.mode == PushMode::Compatible;
    let to = [("ToUserName".to_owned(), json!(original_id(&settings.app_id)))];
    match settings.format {
        PushFormat::Json => {
            let head = if is_compatible {
                text.to_owned()
            } else {
                json_text(&to)
            };
            format!(
                "{},\"Encrypt\":\"{sealed}\"}}",
                head.strip_suffix('}').unwrap_or(&head)
            )
        }
        PushFormat::Xml => {
            let head = if is_compatible {
                text.to_owned()
            } else {
                xml_text(&to)
            };
            let head = head.strip_suffix("</xml>").unwrap_or(&head);
            format!("{head}<Encrypt><![CDATA[{sealed}]]></Encrypt></xml>")
        }
    }
}
