//! Ids that cannot be mistaken for one another: a UUID v7 each, in a type of its own.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type)]
        #[serde(transparent)]
        #[sqlx(transparent)]
        pub struct $name(Uuid);

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(out)
            }
        }
    )+};
}

id! {
    /// A person in one mini program.
    UserId,
    /// A login of a user on one phone.
    SessionId,
    /// An order.
    OrderId,
    /// One try to pay an order.
    AttemptId,
    /// One refund.
    RefundId,
    /// What WeChat is told in one call of goods that were sent.
    ShipmentId,
    /// One delivery of a notification.
    NotificationId,
    /// A named difference that needs a human.
    ExceptionId,
    /// A comparison of a day with WeChat's bills.
    ReconciliationId,
    /// A move of an order or a message that WeChat pushed, as it is told on.
    EventId,
    /// A file that a user keeps here.
    FileId,
    /// A document of a collection.
    DocumentId,
    /// A look of WeChat's at a picture or a sound.
    ContentCheckId,
}
