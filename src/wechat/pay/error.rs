//! How a call to WeChat Pay fails, told apart by what may have happened there.

use super::message::Refusal;
use crate::domain::entropy::EntropyError;
use crate::wechat::crypto::SignError;
use crate::wechat::error::Error;

/// A call to WeChat Pay that did not succeed. Where it is made it is also logged, once, with
/// WeChat's request id.
#[derive(Debug, thiserror::Error)]
pub enum PayError {
    /// WeChat Pay refused; the call changed nothing there.
    #[error("WeChat Pay refuses: {code} (HTTP {http_status})")]
    Definite {
        /// WeChat's code as it came, 1 to 64 visible ASCII characters; compare by the methods, since spellings
        /// changed over time.
        code: String,
        /// The HTTP status, 400 to 499.
        http_status: u16,
        /// What WeChat's support asks for.
        request_id: Option<String>,
    },
    /// The call may or may not have had its effect: only a query tells.
    #[error("the outcome at WeChat Pay is unknown: {reason}")]
    Unknown {
        /// Why.
        reason: UnknownReason,
        /// What WeChat's support asks for, if there was an answer.
        request_id: Option<String>,
    },
    /// Nothing arrived at WeChat Pay.
    #[error("WeChat Pay was not reached")]
    NotReached(#[from] NotReached),
}

/// Why the outcome of a call is unknown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnknownReason {
    /// No answer in time.
    #[error("no answer in time")]
    Timeout,
    /// The connection broke after sending.
    #[error("the connection broke")]
    ConnectionLost,
    /// A server error, or something that is no answer of WeChat Pay.
    #[error("HTTP {http_status}")]
    Unavailable {
        /// The HTTP status.
        http_status: u16,
    },
    /// Too frequent; usually not accepted, though that is not promised.
    #[error("too frequent")]
    RateLimited,
    /// Accepted and not processed (HTTP 202).
    #[error("accepted, not processed")]
    NotProcessed,
    /// The answer could not be verified.
    #[error("the answer is not to be believed: {0}")]
    BadSignature(Refusal),
    /// The answer was verified and makes no sense; the text names the field.
    #[error("the answer lacks a usable {0}")]
    Malformed(&'static str),
    /// The answer was longer than allowed.
    #[error("the answer is too long")]
    TooLong,
    /// The second host refused what the first may have accepted.
    #[error("the second host refused ({code}) what the first may have accepted")]
    RefusedAfterUnclear {
        /// The second host's code.
        code: String,
    },
}

impl UnknownReason {
    /// A short name for timelines and metrics.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::ConnectionLost => "connection_lost",
            Self::Unavailable { .. } => "unavailable",
            Self::RateLimited => "rate_limited",
            Self::NotProcessed => "not_processed",
            Self::BadSignature(_) => "bad_signature",
            Self::Malformed(_) => "malformed",
            Self::TooLong => "too_long",
            Self::RefusedAfterUnclear { .. } => "refused_after_unclear",
        }
    }
}

/// Why nothing arrived.
#[derive(Debug, thiserror::Error)]
pub enum NotReached {
    /// Neither host could be connected to.
    #[error("no connection")]
    Network(#[source] Error),
    /// The request could not be signed.
    #[error(transparent)]
    Signing(#[from] SignError),
    /// There was no randomness for the nonce.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The request could not be put into words, which its types give no reason for.
    #[error("the request could not be written")]
    Request,
}

impl PayError {
    /// The order is paid already: ask for it.
    pub fn is_already_paid(&self) -> bool {
        self.has_code(&["ORDERPAID"]) || self.has_number(&["268449538", "268498689"])
    }

    /// The order is closed: a new number is needed.
    pub fn is_order_closed(&self) -> bool {
        self.has_code(&["ORDERCLOSED"])
    }

    /// WeChat Pay knows no such order.
    pub fn is_not_found(&self) -> bool {
        self.has_code(&["ORDERNOTEXIST", "ORDERNOTEXISTS", "RESOURCENOTEXISTS"])
            || self.has_number(&["268512771"])
    }

    /// The merchant's balance is too small for a refund: the same number later.
    pub fn is_not_enough(&self) -> bool {
        self.has_code(&["NOTENOUGH"])
    }

    /// The order number was used with other parameters.
    fn is_number_used(&self) -> bool {
        self.has_code(&["OUTTRADENOUSED"]) || self.has_number(&["268498688"])
    }

    /// The order is past its time.
    fn is_order_expired(&self) -> bool {
        self.has_number(&["268447914"])
    }

    /// The order number will not be taken again: it is paid, closed, past its time, or was used otherwise.
    pub fn is_number_taken(&self) -> bool {
        self.is_already_paid() || self.is_order_closed() || self.is_order_expired() || self.is_number_used()
    }

    /// The order may be paid or closed, or the request wrong: asking for the order tells.
    pub fn is_ambiguous(&self) -> bool {
        self.has_code(&["INVALIDREQUEST"])
    }

    /// The field that a verified answer lacks, or that makes no sense in it.
    pub fn unreadable(&self) -> Option<&'static str> {
        match self {
            Self::Unknown {
                reason: UnknownReason::Malformed(field),
                ..
            } => Some(field),
            Self::Unknown { .. } | Self::Definite { .. } | Self::NotReached(_) => None,
        }
    }

    /// WeChat's code, where it refused.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Definite { code, .. } => Some(code),
            Self::Unknown { .. } | Self::NotReached(_) => None,
        }
    }

    /// Too frequent: back off.
    pub fn is_rate_limited(&self) -> bool {
        matches!(
            self,
            Self::Unknown {
                reason: UnknownReason::RateLimited,
                ..
            }
        )
    }

    /// No answer in time.
    pub fn is_timeout(&self) -> bool {
        match self {
            Self::Unknown { reason, .. } => *reason == UnknownReason::Timeout,
            Self::NotReached(NotReached::Network(error)) => error.is_timeout(),
            Self::NotReached(_) | Self::Definite { .. } => false,
        }
    }

    /// Keys, clock, serial or bindings are not as WeChat Pay has them: a human must look.
    pub fn is_misconfigured(&self) -> bool {
        self.has_code(&[
            "SIGNERROR",
            "NOAUTH",
            "APPIDMCHIDNOTMATCH",
            "MCHNOTEXISTS",
            "PARAMERROR",
        ])
    }

    /// Refused for what the operator can mend: a key, a permission, the merchant. The same call works
    /// then.
    pub fn is_mendable(&self) -> bool {
        self.has_code(&["SIGNERROR", "NOAUTH", "MCHNOTEXISTS"])
    }

    /// What WeChat's support asks for.
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Definite { request_id, .. } | Self::Unknown { request_id, .. } => request_id.as_deref(),
            Self::NotReached(_) => None,
        }
    }

    /// Logs the failure of a call of `api`, once. What the network did is logged where it is seen.
    pub(super) fn logged(self, api: &'static str) -> Self {
        match &self {
            Self::Definite { request_id, .. } if self.is_misconfigured() => {
                tracing::error!(api, request_id, "{self}");
            }
            // Days without money have no bill, and mornings not yet.
            Self::Definite { request_id, .. }
                if self.has_code(&["NOSTATEMENTEXIST", "STATEMENTCREATING"]) =>
            {
                tracing::info!(api, request_id, "{self}");
            }
            Self::NotReached(NotReached::Network(_))
            | Self::Unknown {
                reason: UnknownReason::Timeout | UnknownReason::ConnectionLost,
                ..
            } => {}
            Self::Definite { request_id, .. } | Self::Unknown { request_id, .. } => {
                tracing::warn!(api, request_id, "{self}");
            }
            Self::NotReached(cause) => tracing::error!(api, "{self}: {cause}"),
        }
        self
    }

    pub(super) fn has_code(&self, wanted: &[&str]) -> bool {
        matches!(self, Self::Definite { code, .. } if wanted.iter().any(|wanted| is_code(code, wanted)))
    }

    /// The request id of a refusal ends in WeChat's own number for its cause.
    fn has_number(&self, wanted: &[&str]) -> bool {
        matches!(self, Self::Definite { request_id: Some(id), .. }
            if id.rsplit_once('-').is_some_and(|(_, number)| wanted.contains(&number)))
    }
}

/// Whether `code` is `wanted`, which is spelled without underscores.
pub(super) fn is_code(code: &str, wanted: &str) -> bool {
    code.bytes().filter(|byte| *byte != b'_').eq(wanted.bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(code: &str, request_id: &str) -> PayError {
        PayError::Definite {
            code: code.to_owned(),
            http_status: 400,
            request_id: Some(request_id.to_owned()),
        }
    }

    #[test]
    fn both_spellings_of_a_code_are_known() {
        for code in ["ORDERPAID", "ORDER_PAID"] {
            assert!(refusal(code, "").is_already_paid());
        }
        for code in [
            "ORDER_NOT_EXIST",
            "ORDERNOTEXIST",
            "ORDER_NOT_EXISTS",
            "RESOURCE_NOT_EXISTS",
        ] {
            assert!(refusal(code, "").is_not_found());
        }
        assert!(refusal("OUT_TRADE_NO_USED", "").is_number_used());
        assert!(refusal("ORDER_CLOSED", "").is_order_closed());
        assert!(!refusal("ORDER_CLOSED", "").is_already_paid());
        assert!(refusal("SIGN_ERROR", "").is_misconfigured());
        for code in ["NOT_ENOUGH", "NOTENOUGH"] {
            assert!(refusal(code, "").is_not_enough());
        }
    }

    #[test]
    fn the_number_at_the_end_of_the_request_id_counts_too() {
        assert!(refusal("INVALID_REQUEST", "08F1-268498689").is_already_paid());
        assert!(refusal("INVALID_REQUEST", "08F1-268498688").is_number_used());
        assert!(!refusal("INVALID_REQUEST", "08F1268498688").is_number_used());
        assert!(refusal("INVALID_REQUEST", "08F1-268447914").is_number_taken());
        assert!(!refusal("INVALID_REQUEST", "08F1-268435456").is_number_taken());
        assert!(refusal("INVALID_REQUEST", "08F1-268435456").is_ambiguous());
    }
}
