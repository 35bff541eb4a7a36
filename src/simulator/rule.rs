//! Rules of the simulated `WeChat Pay` that a test or a demonstration may want otherwise.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::content::CheckLimits;
use super::options::Delivery;

/// How long a refund takes by itself where notifications go out by themselves, in seconds.
const REFUND_TAKES_S: u32 = 5;

/// Rules in force.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Rules {
    /// How many seconds of the simulator's clock after a refund was accepted it is decided by
    /// itself, at most 31,536,000; null: only when `POST /simulator/refunds/{out_refund_no}` says so.
    pub(super) refund_takes_s: Option<u32>,
    /// Whether a second refund of an order within a minute is refused with `FREQUENCY_LIMITED`.
    pub(super) one_refund_a_minute: bool,
    /// What the merchant has to refund from, in fen. Each accepted refund takes from it, a closed
    /// one does not give back; payments do not add to it. Null: always enough.
    pub(super) balance_fen: Option<i64>,
    /// How long an access token is, 20 to 4,096 characters.
    #[serde(default = "usual_token_chars")]
    pub(super) access_token_chars: usize,
    /// How many seconds after its payment an order is known to order shipping management, at most 86,400.
    #[serde(default)]
    pub(super) shipping_order_known_after_s: u32,
    /// How many content checks a mini program has.
    #[serde(default = "CheckLimits::usual")]
    pub(super) content_checks: CheckLimits,
}

/// As long as real ones are today; `WeChat` asks for room for 512 at least.
const fn usual_token_chars() -> usize {
    136
}

impl Rules {
    /// Those of a new world. Where a test says when notifications go out, it also says when a
    /// refund is decided.
    pub(super) const fn usual(delivery: Delivery) -> Self {
        Self {
            refund_takes_s: match delivery {
                Delivery::Automatic { .. } => Some(REFUND_TAKES_S),
                Delivery::Manual => None,
            },
            one_refund_a_minute: true,
            balance_fen: None,
            access_token_chars: usual_token_chars(),
            shipping_order_known_after_s: 0,
            content_checks: CheckLimits::USUAL,
        }
    }
}
