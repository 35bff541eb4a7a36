//! Subscribe messages: sent for the owner's services and when something happens to an order, and counted by what
//! people have allowed.
//!
//! A message is a row before it is a call. What WeChat may have taken is not sent again within a key; a message
//! about an order is, unless WeChat's own report says that it arrived
//! ([ADR 0032](../../../docs/adr/0032-subscribe-messages.md)).

mod grant;
mod order_message;
mod outcome;
mod send;

pub use crate::store::subscribe_grant::{Grant, Recipient};
pub use crate::wechat::mini::subscribe::Message;
pub use grant::{heard_change, heard_popup, heard_sent, list_grants, tell_answers};
pub use order_message::{queue, send_due};
pub use send::{Sent, SentMessage, send};

use crate::domain::subscribe::OrderTemplate;

/// The messages that are sent when something happens to an order.
#[derive(Clone, Debug, Default)]
pub struct OrderTemplates(Vec<OrderTemplate>);

impl OrderTemplates {
    /// Takes them as the settings have them.
    pub fn new(templates: Vec<OrderTemplate>) -> Self {
        Self(templates)
    }

    /// Those of an event.
    fn of<'a>(&'a self, event: &'a str) -> impl Iterator<Item = &'a OrderTemplate> {
        self.0
            .iter()
            .filter(move |template| template.text.event() == event)
    }

    /// Whether anything is sent at this event.
    pub(in crate::service) fn has(&self, event: &str) -> bool {
        self.of(event).next().is_some()
    }
}
