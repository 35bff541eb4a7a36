//! A recorded delivery as it came, believed or not.

use chrono::{DateTime, Utc};

use super::delivery::{Delivery, RECORDED_HEADERS};
use super::verdict;
use crate::domain::id::NotificationId;
use crate::error::{AppError, ErrorCode};
use crate::service::Context;
use crate::store;
use crate::store::notification::StoredDelivery;
use crate::store::refused_notification::StoredRefused;

/// A recorded delivery, and when it arrived by WeChat's clock.
#[derive(Debug)]
pub(super) struct Recorded {
    pub(super) id: NotificationId,
    /// Headers and body.
    pub(super) delivery: Delivery,
    /// When it arrived, put right by what was known of our clock.
    pub(super) own_clock: DateTime<Utc>,
    /// What is kept of the body is less than what came.
    pub(super) is_cut: bool,
    /// The delivery that was run again here.
    pub(super) replay_of: Option<NotificationId>,
}

impl Recorded {
    /// Finds a delivery.
    ///
    /// # Errors
    /// `not_found` where there is none.
    pub(super) async fn find(context: &Context, id: NotificationId) -> Result<Self, AppError> {
        if let Some(stored) = store::notification::find(&context.db, id).await? {
            return Ok(Self::believed(id, stored));
        }
        let refused = store::refused_notification::find(&context.db, id).await?;
        let refused = refused.ok_or_else(|| AppError::new(ErrorCode::NotFound))?;
        Ok(Self::refused(id, refused)?)
    }

    fn believed(id: NotificationId, stored: StoredDelivery) -> Self {
        // In the order of the first four of the recorded headers.
        let values = [stored.timestamp, stored.nonce, stored.signature, stored.serial];
        let headers = RECORDED_HEADERS
            .into_iter()
            .zip(values.map(String::into_bytes))
            .collect();
        Self {
            id,
            delivery: Delivery {
                headers,
                body: stored.body,
            },
            own_clock: stored.received_at,
            is_cut: false,
            replay_of: stored.replay_of,
        }
    }

    fn refused(id: NotificationId, stored: StoredRefused) -> Result<Self, store::Error> {
        let lines: Vec<(String, String)> =
            serde_json::from_value(stored.headers).map_err(|_| store::Error::Inconsistent {
                table: "refused_notifications",
            })?;
        let known = |name: &str| RECORDED_HEADERS.into_iter().find(|known| *known == name);
        let headers = lines
            .into_iter()
            .filter_map(|(name, value)| Some((known(&name)?, value.into_bytes())))
            .collect();
        let kept = i64::try_from(stored.body.len()).ok();
        Ok(Self {
            id,
            delivery: Delivery {
                headers,
                body: stored.body,
            },
            own_clock: verdict::true_arrival(stored.received_at, stored.clock_ahead_s),
            is_cut: stored.body_bytes != kept,
            replay_of: None,
        })
    }
}
