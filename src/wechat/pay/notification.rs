//! Notifications: from a verified body to what happened. Source: pay-v3, section 10.

use serde::Deserialize;

use super::message::{Refusal, Verified};
use super::refund;
use super::transaction::Transaction;
use crate::domain::refund::ReportedRefund;
use crate::wechat::crypto::ResourceKey;
use crate::wechat::wire::Text;

const ALGORITHM: &str = "AEAD_AES_256_GCM";

/// What WeChat Pay reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notification {
    /// A payment. Look at its state, not at the name of the event.
    Payment {
        /// WeChat's id of the notification, the same in every repeat.
        id: String,
        /// The payment.
        transaction: Transaction,
    },
    /// A refund. Look at its standing, not at the name of the event.
    Refund {
        /// WeChat's id of the notification, the same in every repeat.
        id: String,
        /// The refund.
        report: ReportedRefund,
    },
    /// Something else: profit sharing, an echo, or an event that is not known here.
    Other {
        /// WeChat's id of the notification.
        id: String,
        /// Such as `SECURITY_ECHO.SUCCESS`.
        event_type: String,
        /// Such as `profitsharing`.
        original_type: String,
    },
}

/// A notification whose resource was decrypted, not yet interpreted.
#[derive(Clone)]
pub struct Opened {
    /// WeChat's id of the notification.
    pub id: String,
    /// Such as `TRANSACTION.SUCCESS`.
    pub event_type: String,
    /// Such as `transaction`; says what the plaintext is.
    pub original_type: String,
    /// The decrypted resource, JSON. Names people: not for logs.
    pub plaintext: Vec<u8>,
}

impl std::fmt::Debug for Opened {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Opened")
            .field("id", &self.id)
            .field("event_type", &self.event_type)
            .field("original_type", &self.original_type)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    id: Text<'a>,
    #[serde(borrow)]
    event_type: Text<'a>,
    #[serde(borrow)]
    resource: Resource<'a>,
}

/// Something encrypted with the APIv3 key, as notifications and the certificate list carry it.
#[derive(Deserialize)]
pub(super) struct Resource<'a> {
    #[serde(borrow)]
    original_type: Option<Text<'a>>,
    #[serde(borrow)]
    algorithm: Text<'a>,
    #[serde(borrow)]
    nonce: Text<'a>,
    #[serde(borrow)]
    associated_data: Option<Text<'a>>,
    #[serde(borrow)]
    ciphertext: Text<'a>,
}

impl Resource<'_> {
    pub(super) fn open(&self, key: &ResourceKey) -> Result<Vec<u8>, Refusal> {
        if self.algorithm.as_str() != ALGORITHM {
            return Err(Refusal::UnsupportedAlgorithm);
        }
        let associated_data = self.associated_data.as_ref().map_or("", Text::as_str);
        key.open(
            self.nonce.as_str().as_bytes(),
            associated_data.as_bytes(),
            self.ciphertext.as_str().as_bytes(),
        )
        .map_err(|_| Refusal::DecryptFailed)
    }
}

/// Decrypts the resource of a verified notification of any kind.
///
/// # Errors
/// [`Refusal::NotJson`], [`Refusal::UnsupportedAlgorithm`] or [`Refusal::DecryptFailed`].
pub fn decrypt(key: &ResourceKey, body: Verified<&[u8]>) -> Result<Verified<Opened>, Refusal> {
    body.try_map(|body| {
        let envelope: Envelope<'_> = serde_json::from_slice(body).map_err(|_| Refusal::NotJson)?;
        if !is_id(envelope.id.as_str()) {
            return Err(Refusal::NotJson);
        }
        let plaintext = envelope.resource.open(key)?;
        Ok(Opened {
            id: envelope.id.0.into_owned(),
            event_type: envelope.event_type.0.into_owned(),
            original_type: envelope
                .resource
                .original_type
                .map_or_else(String::new, |kind| kind.0.into_owned()),
            plaintext,
        })
    })
}

/// Visible ASCII; WeChat's own have 36 characters.
fn is_id(text: &str) -> bool {
    (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

impl Verified<Opened> {
    /// What the notification reports.
    ///
    /// # Errors
    /// [`Refusal::PlaintextUnreadable`] when it calls itself a payment or a refund and is none.
    pub fn read(self) -> Result<Verified<Notification>, Refusal> {
        self.try_map(
            |Opened {
                 id,
                 event_type,
                 original_type,
                 plaintext,
             }| {
                if event_type.starts_with("REFUND.") && matches!(original_type.as_str(), "refund" | "") {
                    return match refund::read_notice(&plaintext) {
                        Ok(report) => Ok(Notification::Refund { id, report }),
                        Err(malformed) => Err(Refusal::RefundUnreadable {
                            id,
                            field: malformed.0,
                        }),
                    };
                }
                // Profit sharing reports changes under the same event name, with another object. A resource
                // that does not say what it is must prove to be a payment, rather than be passed over.
                let is_payment = matches!(original_type.as_str(), "transaction" | "");
                if event_type != "TRANSACTION.SUCCESS" || !is_payment {
                    return Ok(Notification::Other {
                        id,
                        event_type,
                        original_type,
                    });
                }
                match Transaction::from_json(&plaintext) {
                    Ok(transaction) => Ok(Notification::Payment { id, transaction }),
                    Err(malformed) => Err(Refusal::PlaintextUnreadable {
                        id,
                        field: malformed.0,
                    }),
                }
            },
        )
    }
}
