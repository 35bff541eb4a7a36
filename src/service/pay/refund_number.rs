//! The number of a refund at WeChat. It is made of what wants the refund, not drawn: a refund that the books have lost,
//! by a restore, is the same one at WeChat when it is wanted again.
//!
//! How it is made never changes: what a version before this one gave out has to come out again.

use aws_lc_rs::digest;

use crate::domain::entropy::letters;
use crate::domain::id::OrderId;
use crate::domain::name::{OutRefundNo, TransactionId};
use crate::error::AppError;

/// The number of the refund that a request with this key asks for.
pub(super) fn asked(order_id: OrderId, key: &str) -> Result<OutRefundNo, AppError> {
    of(&["asked", &order_id.to_string(), key])
}

/// The number of the refund that gives a payment back which no order wants: there is one at most.
pub(super) fn surplus(payment: &TransactionId) -> Result<OutRefundNo, AppError> {
    of(&["surplus", payment.as_str()])
}

/// Each part goes in with its length, so that no two lists of parts are the same text.
fn of(parts: &[&str]) -> Result<OutRefundNo, AppError> {
    let mut hasher = digest::Context::new(&digest::SHA256);
    hasher.update(b"11:weir refund");
    for part in parts {
        hasher.update(format!("{}:{part}", part.len()).as_bytes());
    }
    OutRefundNo::parse(letters(hasher.finish().as_ref())).map_err(AppError::internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_the_same_for_ever_and_another_for_anything_else() {
        let order = |last: u128| OrderId::from(uuid::Uuid::from_u128(last));
        let number = |last, key| asked(order(last), key).unwrap();
        assert_eq!(number(1, "k").as_str(), "3MLT358B5Y92Y8PS44QB9CSD48AL4N8U");
        let payment = TransactionId::parse("4200000000202601010000000001").unwrap();
        assert_eq!(
            surplus(&payment).unwrap().as_str(),
            "LLW3C8PG444SUCDTQ4WGFG56JBKLX9QV"
        );
        assert_ne!(number(1, "k"), number(2, "k"));
        assert_ne!(number(1, "k"), number(1, "K"));
        assert_ne!(of(&["ab", "c"]).unwrap(), of(&["a", "bc"]).unwrap());
    }
}
