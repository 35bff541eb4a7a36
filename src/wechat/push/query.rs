//! The query of a push: what signs it, and when it was made.

use std::borrow::Cow;

use url::form_urlencoded;

use super::Refusal;

/// The longest value that is looked at, in bytes. WeChat's are far shorter.
const VALUE_BYTES_MAX: usize = 512;

/// The parameters that count, as they came. The `openid` beside them is not signed and not read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PushQuery {
    /// Over token, time and nonce; says nothing of a body.
    pub(super) signature: Option<String>,
    /// The same and what is sealed.
    pub(super) msg_signature: Option<String>,
    /// Seconds since 1970, as text.
    pub(super) timestamp: String,
    pub(super) nonce: String,
    /// What the handshake wants back.
    pub(super) echostr: Option<String>,
}

impl PushQuery {
    /// Reads a query.
    ///
    /// # Errors
    /// When a parameter that counts is missing, too long, or there twice.
    pub fn parse(query: &str) -> Result<Self, Refusal> {
        let mut found: [Option<Cow<'_, str>>; 5] = [const { None }; 5];
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let names = ["signature", "msg_signature", "timestamp", "nonce", "echostr"];
            let place = names.iter().zip(&mut found).find(|(known, _)| **known == name);
            let Some((_, place)) = place else { continue };
            if place.is_some() || value.len() > VALUE_BYTES_MAX {
                return Err(Refusal::QueryMalformed);
            }
            *place = Some(value);
        }
        let [signature, msg_signature, timestamp, nonce, echostr] =
            found.map(|value| value.map(Cow::into_owned));
        Ok(Self {
            signature,
            msg_signature,
            timestamp: timestamp.ok_or(Refusal::QueryMalformed)?,
            nonce: nonce.ok_or(Refusal::QueryMalformed)?,
            echostr,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_is_there_once() {
        let query = PushQuery::parse("timestamp=1&nonce=a%20b&openid=o&openid=p&signature=s").unwrap();
        assert_eq!((query.timestamp.as_str(), query.nonce.as_str()), ("1", "a b"));
        assert_eq!((query.signature.as_deref(), query.echostr), (Some("s"), None));
        for bad in [
            "",
            "timestamp=1",
            "nonce=1",
            "timestamp=1&timestamp=1&nonce=1",
            "timestamp=1&nonce=1&signature=a&signature=b",
            &format!("timestamp=1&nonce=1&echostr={}", "x".repeat(513)),
        ] {
            assert_eq!(PushQuery::parse(bad), Err(Refusal::QueryMalformed), "{bad}");
        }
    }
}
