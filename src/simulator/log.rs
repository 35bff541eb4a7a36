//! What arrived and what happened, kept in memory for tests and for the phone page.
//!
//! Never holds a query string, a header or a request body: secrets stand there. What a call says of itself is cut,
//! since anybody may call.

use std::collections::VecDeque;
use std::sync::Mutex;

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::fault::{Api, FaultKind};
use super::state::unpoisoned;

/// The newest calls and deliveries that are kept.
const CALLS_MAX: usize = 10_000;
/// Characters that are kept of what a call says of itself.
const CALL_TEXT_MAX: usize = 256;
/// The newest events that are kept.
const EVENTS_MAX: usize = 2_000;

/// One call that arrived at the simulated `WeChat`. Holds no query string and no secret.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Call {
    /// Counts up from 1; given by the log.
    pub(super) sequence: u64,
    pub(super) at: DateTime<Utc>,
    /// Null for a path that `WeChat` does not have.
    pub(super) api: Option<Api>,
    pub(super) method: String,
    /// Without the query.
    pub(super) path: String,
    /// Null when a fault left it unanswered.
    pub(super) status: Option<u16>,
    /// `errcode` of a mini-program API or `code` of `WeChat Pay`; null when it went well.
    pub(super) error: Option<String>,
    /// What was wrong, for people.
    pub(super) detail: Option<String>,
    pub(super) out_trade_no: Option<String>,
    pub(super) out_refund_no: Option<String>,
    /// Kinds of the faults that were applied.
    pub(super) faults: Vec<FaultKind>,
    /// Without the waits of faults.
    pub(super) duration_ms: u64,
}

/// How a notification came to be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum DeliveryKind {
    Scheduled,
    /// Went ahead of the genuine one with a probe signature.
    Probe,
    /// The second of a doubled one.
    Copy,
    /// Made by hand.
    Crafted,
    /// One from before, sent again byte by byte.
    Replayed,
}

/// One message that was pushed, or that a fault swallowed.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct PushDelivery {
    /// Counts up from 1; given by the log.
    pub(super) sequence: u64,
    pub(super) app_id: String,
    /// The event, or what kind of message it is.
    pub(super) title: String,
    pub(super) kind: DeliveryKind,
    /// 1 for the first attempt; 0 for one made by hand.
    pub(super) attempt: u32,
    /// Null when a fault swallowed it.
    pub(super) sent_at: Option<DateTime<Utc>>,
    /// Whether the server took this message.
    pub(super) is_taken: bool,
    /// Null when no answer came within five seconds.
    pub(super) status: Option<u16>,
    /// The beginning of the answer's body.
    pub(super) body: String,
    pub(super) duration_ms: u64,
    /// Kinds of the faults that were applied.
    pub(super) faults: Vec<FaultKind>,
}

/// One notification that was sent, or that a fault swallowed.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Delivery {
    /// Counts up from 1; given by the log.
    pub(super) sequence: u64,
    /// Id of the notification; the same for all its attempts and copies.
    pub(super) id: String,
    pub(super) out_trade_no: String,
    /// Null when it tells of a payment.
    pub(super) out_refund_no: Option<String>,
    pub(super) kind: DeliveryKind,
    /// 1 for the first attempt; 0 for one made by hand.
    pub(super) attempt: u32,
    pub(super) due_at: DateTime<Utc>,
    /// Null when a fault swallowed it.
    pub(super) sent_at: Option<DateTime<Utc>>,
    /// Null when no answer came within five seconds.
    pub(super) status: Option<u16>,
    /// The beginning of the answer's body.
    pub(super) body: String,
    pub(super) duration_ms: u64,
    /// Kinds of the faults that were applied.
    pub(super) faults: Vec<FaultKind>,
}

/// Something that happened.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Event {
    pub(super) sequence: u64,
    pub(super) at: DateTime<Utc>,
    pub(super) kind: EventKind,
    /// One line for people.
    pub(super) title: String,
    /// A call, a delivery, or the ids concerned.
    pub(super) data: Value,
}

/// Kinds of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum EventKind {
    /// The server called; data: the call.
    WechatCalled,
    /// A notification was tried; data: the delivery.
    Notification,
    /// A message was pushed; data: the delivery.
    Push,
    LoginCode,
    PhoneCode,
    CloudId,
    /// A person answered a popup, or changed the settings, about subscribe messages.
    SubscribeAnswer,
    /// A subscribe message was taken; data: the message.
    SubscribeMessage,
    /// A phone scanned a code or followed a link; data: the page.
    Scanned,
    CashierOpened,
    Paid,
    Cancelled,
    InsufficientFunds,
    /// The cashier refused: paid already, closed.
    PaymentFailed,
    /// A refund was ended by the control API.
    RefundDecided,
    /// A receipt was confirmed by the control API.
    ReceiptConfirmed,
    ShippingManagement,
    Rules,
    Keys,
    Clock,
    Faults,
}

/// The newest calls, deliveries and events.
#[derive(Default)]
pub(super) struct Log(Mutex<Entries>);

#[derive(Default)]
struct Entries {
    calls: Numbered<Call>,
    deliveries: Numbered<Delivery>,
    pushes: Numbered<PushDelivery>,
    events: Numbered<Event>,
}

struct Numbered<T> {
    last_sequence: u64,
    items: VecDeque<T>,
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self {
            last_sequence: 0,
            items: VecDeque::new(),
        }
    }
}

impl<T> Numbered<T> {
    fn next(&mut self) -> u64 {
        self.last_sequence = self.last_sequence.saturating_add(1);
        self.last_sequence
    }

    fn push(&mut self, item: T, items_max: usize) {
        if self.items.len() >= items_max {
            self.items.pop_front();
        }
        self.items.push_back(item);
    }
}

impl Log {
    pub(super) fn call(&self, mut call: Call) {
        let optional = [&mut call.detail, &mut call.out_trade_no, &mut call.out_refund_no];
        for text in optional
            .into_iter()
            .flatten()
            .chain([&mut call.method, &mut call.path])
        {
            cut(text);
        }
        let mut entries = unpoisoned(&self.0);
        call.sequence = entries.calls.next();
        let status = call
            .status
            .map_or_else(|| "no answer".to_owned(), |status| status.to_string());
        let title = format!("{} {} → {status}", call.method, call.path);
        entries.event(call.at, EventKind::WechatCalled, title, json!(call));
        entries.calls.push(call, CALLS_MAX);
    }

    /// Returns the delivery with its number.
    pub(super) fn delivery(&self, mut delivery: Delivery, at: DateTime<Utc>) -> Delivery {
        let mut entries = unpoisoned(&self.0);
        delivery.sequence = entries.deliveries.next();
        let outcome = match (delivery.sent_at, delivery.status) {
            (None, _) => "lost on the way".to_owned(),
            (Some(_), None) => "no answer".to_owned(),
            (Some(_), Some(status)) => status.to_string(),
        };
        let subject = delivery.out_refund_no.as_ref().unwrap_or(&delivery.out_trade_no);
        let title = format!("notification of {subject} → {outcome}");
        entries.event(at, EventKind::Notification, title, json!(delivery));
        entries.deliveries.push(delivery.clone(), CALLS_MAX);
        delivery
    }

    /// Returns the delivery with its number.
    pub(super) fn push(&self, mut delivery: PushDelivery, at: DateTime<Utc>) -> PushDelivery {
        let mut entries = unpoisoned(&self.0);
        delivery.sequence = entries.pushes.next();
        let outcome = match (delivery.sent_at, delivery.status) {
            (None, _) => "lost on the way".to_owned(),
            (Some(_), None) => "no answer".to_owned(),
            (Some(_), Some(status)) => status.to_string(),
        };
        let title = format!("push of {} → {outcome}", delivery.title);
        entries.event(at, EventKind::Push, title, json!(delivery));
        entries.pushes.push(delivery.clone(), CALLS_MAX);
        delivery
    }

    /// Oldest first.
    pub(super) fn pushes(&self) -> Vec<PushDelivery> {
        unpoisoned(&self.0).pushes.items.iter().cloned().collect()
    }

    pub(super) fn event(&self, at: DateTime<Utc>, kind: EventKind, title: String, data: Value) {
        unpoisoned(&self.0).event(at, kind, title, data);
    }

    /// Oldest first.
    pub(super) fn calls(&self) -> Vec<Call> {
        unpoisoned(&self.0).calls.items.iter().cloned().collect()
    }

    pub(super) fn clear_calls(&self) {
        unpoisoned(&self.0).calls.items.clear();
    }

    /// Oldest first.
    pub(super) fn deliveries(&self) -> Vec<Delivery> {
        unpoisoned(&self.0).deliveries.items.iter().cloned().collect()
    }

    /// Those after a number, oldest first, and the newest number of all.
    pub(super) fn events_after(&self, sequence: u64) -> (Vec<Event>, u64) {
        let entries = unpoisoned(&self.0);
        let newer = entries
            .events
            .items
            .iter()
            .filter(|event| event.sequence > sequence)
            .cloned()
            .collect();
        (newer, entries.events.last_sequence)
    }
}

/// Leaves the first characters, and lets go of the room of the others.
fn cut(text: &mut String) {
    if let Some((end, _)) = text.char_indices().nth(CALL_TEXT_MAX) {
        text.truncate(end);
        text.shrink_to_fit();
    }
}

impl Entries {
    fn event(&mut self, at: DateTime<Utc>, kind: EventKind, title: String, data: Value) {
        let sequence = self.events.next();
        self.events.push(
            Event {
                sequence,
                at,
                kind,
                title,
                data,
            },
            EVENTS_MAX,
        );
    }
}
