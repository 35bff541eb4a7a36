//! The three headers of a message. The signature covers the id, the time and the raw body, so that
//! none of them can be exchanged.

use std::fmt;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use uuid::Uuid;

/// A message before it is signed.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// Its id, the same on every repetition: receivers tell repetitions by it.
    pub id: Uuid,
    /// When this try is made, in seconds since 1970: receivers refuse what is over five minutes old.
    pub timestamp: i64,
    /// The body, JSON in UTF-8.
    pub body: &'a [u8],
}

/// Signs with one key. Prints no part of it, and wipes it when dropped.
pub struct Signer(hmac::Key);

impl fmt::Debug for Signer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Signer([REDACTED])")
    }
}

impl Signer {
    /// A signer with the bytes behind `whsec_…`.
    pub fn new(key: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }

    /// Names and values of the headers of a message.
    pub fn headers(&self, message: &Message<'_>) -> [(&'static str, String); 3] {
        let (id, timestamp) = (message.id.to_string(), message.timestamp.to_string());
        let mut signing = hmac::Context::with_key(&self.0);
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", message.body] {
            signing.update(part);
        }
        let signature = format!("v1,{}", STANDARD.encode(signing.sign()));
        [
            ("webhook-id", id),
            ("webhook-timestamp", timestamp),
            ("webhook-signature", signature),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::{Message, Signer};
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use standardwebhooks::Webhook;
    use uuid::Uuid;

    /// A second implementation, the reference one, comes to the same signature.
    #[test]
    fn the_reference_library_signs_the_same() {
        for (key, body) in [
            ([7_u8; 24].to_vec(), "{}"),
            ((0..64).collect(), "{\"note\":\"不要糖 🍵\"}"),
            ((100..132).collect(), ""),
        ] {
            let id = Uuid::from_u128(9);
            let message = Message {
                id,
                timestamp: 1_764_000_000,
                body: body.as_bytes(),
            };
            let [.., (name, ours)] = Signer::new(&key).headers(&message);
            let theirs = Webhook::new(&STANDARD.encode(&key))
                .unwrap()
                .sign(&id.to_string(), 1_764_000_000, body.as_bytes())
                .unwrap();
            assert_eq!((name, ours), ("webhook-signature", theirs));
        }
    }

    #[test]
    fn the_key_does_not_show() {
        assert_eq!(format!("{:?}", Signer::new(&[7; 32])), "Signer([REDACTED])");
    }
}
