//! One attempt to deliver a notification, with whatever faults strike it.

use std::collections::BTreeMap;
use std::time::Instant;

use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use secrecy::ExposeSecret;

use super::content;
use super::message::{Content, Spoiling, envelope, headers};
use super::wait_ms_after;
use crate::simulator::clock::after_ms;
use crate::simulator::error::Error;
use crate::simulator::fault::{Api, FaultKind, Struck};
use crate::simulator::log::{Delivery, DeliveryKind};
use crate::simulator::options;
use crate::simulator::outbound::NOTIFICATION_TIMEOUT;
use crate::simulator::pay::answer::OUTSIDE_WINDOW;
use crate::simulator::record::{Notification, Record};
use crate::simulator::rotation;
use crate::simulator::state::Shared;

/// The beginning of an answer's body that is kept.
const ANSWER_BYTES_KEPT: usize = 2_000;

/// What came back.
pub(super) struct Answer {
    /// None: nothing in time.
    pub(super) status: Option<u16>,
    pub(super) body: String,
    pub(super) duration_ms: u64,
}

/// Makes the attempt that is due and settles what comes next. Returns what went out.
pub(super) async fn make(shared: &Shared, notification: &Notification) -> Vec<Delivery> {
    let struck = shared.faults().strike(Api::Notification);
    if put_off(shared, notification, &struck) {
        return Vec::new();
    }
    let sent_at = shared.clock.now();
    let attempt = Attempt {
        shared,
        notification,
        struck: &struck,
    };
    let deliveries = if struck.has(FaultKind::NotificationLost) {
        vec![attempt.log(DeliveryKind::Scheduled, None, None)]
    } else {
        match attempt.send_all().await {
            Ok(deliveries) => deliveries,
            Err(error) => {
                tracing::error!(%error, "a notification could not be made");
                Vec::new()
            }
        }
    };
    settle(shared, notification, &deliveries, sent_at);
    deliveries
}

/// Whether a fault moves the attempt to a later time. No notification is put off twice, and none is held while another
/// is: one of the two has to pass.
fn put_off(shared: &Shared, notification: &Notification, struck: &Struck) -> bool {
    let late_ms = struck.ms(FaultKind::NotificationLate, 60_000);
    let held_ms = struck.ms(FaultKind::NotificationReordered, 5_000);
    let Some(wait_ms) = late_ms.or(held_ms) else {
        return false;
    };
    if notification.was_put_off {
        return false;
    }
    let is_held = late_ms.is_none();
    shared.step(|world, now| {
        if is_held && world.notifications().any(|waiting| waiting.is_held) {
            return false;
        }
        world.put(Record::Notification(Notification {
            due_at: Some(after_ms(now, wait_ms)),
            was_put_off: true,
            is_held,
            ..notification.clone()
        }));
        true
    })
}

/// Writes down whether the notification is done with or when its next attempt is due, and lets go
/// of those that waited for it to go by.
fn settle(shared: &Shared, notification: &Notification, deliveries: &[Delivery], sent_at: DateTime<Utc>) {
    let is_delivered = deliveries
        .iter()
        .any(|delivery| delivery.kind != DeliveryKind::Probe && delivery.status.is_some_and(is_success));
    let attempts = notification.attempts.saturating_add(1);
    let speed = match shared.delivery {
        options::Delivery::Automatic { speed } => speed.get(),
        options::Delivery::Manual => 1,
    };
    let wait_ms = if is_delivered {
        None
    } else {
        wait_ms_after(attempts, speed)
    };
    let due_at = wait_ms.map(|wait_ms| after_ms(sent_at, wait_ms));
    shared.step(|world, now| {
        world.put(Record::Notification(Notification {
            attempts,
            due_at,
            is_held: false,
            ..notification.clone()
        }));
        let held: Vec<Notification> = world
            .notifications()
            .filter(|waiting| waiting.is_held)
            .cloned()
            .collect();
        for waiting in held {
            world.put(Record::Notification(Notification {
                due_at: Some(now),
                is_held: false,
                ..waiting
            }));
        }
    });
}

const fn is_success(status: u16) -> bool {
    200 <= status && status <= 299
}

struct Attempt<'a> {
    shared: &'a Shared,
    notification: &'a Notification,
    struck: &'a Struck,
}

impl Attempt<'_> {
    /// A probe first where one strikes, then the genuine one, twice at once where it is doubled.
    async fn send_all(&self) -> Result<Vec<Delivery>, Error> {
        let mut deliveries = Vec::new();
        if self.struck.has(FaultKind::ProbeSignature) {
            deliveries.push(self.send(DeliveryKind::Probe, Spoiling::Probe).await?);
        }
        let spoiling = if self.struck.has(FaultKind::WrongAnswerSignature) {
            Spoiling::Wrong
        } else {
            Spoiling::None
        };
        if self.struck.has(FaultKind::NotificationDoubled) {
            let both = futures_util::future::try_join(
                self.send(DeliveryKind::Scheduled, spoiling),
                self.send(DeliveryKind::Copy, spoiling),
            );
            let (first, second) = both.await?;
            deliveries.extend([first, second]);
        } else {
            deliveries.push(self.send(DeliveryKind::Scheduled, spoiling).await?);
        }
        Ok(deliveries)
    }

    async fn send(&self, kind: DeliveryKind, spoiling: Spoiling) -> Result<Delivery, Error> {
        let shared = self.shared;
        if self.struck.has(FaultKind::KeyRotation) {
            rotation::rotate(shared)?;
        }
        let (story, signer, sealed_with, nonce, now) = shared.step(|world, now| {
            let turn = self
                .notification
                .number
                .saturating_add(u64::from(self.notification.attempts));
            (
                content::of(
                    world,
                    &shared.merchant.mch_id,
                    &self.notification.out_trade_no,
                    &self.notification.about,
                ),
                world.keys.notification_signer(turn),
                world.entropy.text(12),
                world.entropy.text(32),
                now,
            )
        });
        let story = story.ok_or(Error::Setting("a notification of nothing"))?;
        let url = story.url.ok_or(Error::Setting("a notification for nobody"))?;
        let content = Content {
            id: &self.notification.id,
            event_type: story.event_type,
            original_type: story.original_type,
            summary: story.summary,
            created_at: self.notification.created_at,
            plaintext: &story.plaintext,
        };
        let body = envelope(&content, shared.merchant.api_v3_key.expose_secret(), &sealed_with)?;
        let signed_at = if self.struck.has(FaultKind::NotificationStale) {
            now - OUTSIDE_WINDOW
        } else if self.struck.has(FaultKind::NotificationFuture) {
            now + OUTSIDE_WINDOW
        } else {
            now
        };
        let headers = headers(&signer, signed_at, nonce, &body, spoiling)?;
        let answer = post(shared, &url, &headers, body).await;
        Ok(self.log(kind, Some(now), Some(answer)))
    }

    fn log(&self, kind: DeliveryKind, sent_at: Option<DateTime<Utc>>, answer: Option<Answer>) -> Delivery {
        let (status, body, duration_ms) = answer.map_or((None, String::new(), 0), |answer| {
            (answer.status, answer.body, answer.duration_ms)
        });
        let at = self.shared.clock.now();
        let delivery = Delivery {
            sequence: 0,
            id: self.notification.id.clone(),
            out_trade_no: self.notification.out_trade_no.clone(),
            out_refund_no: self.notification.about.out_refund_no(),
            kind,
            attempt: self.notification.attempts.saturating_add(1),
            due_at: self.notification.due_at.unwrap_or(at),
            sent_at,
            status,
            body,
            duration_ms,
            faults: self.struck.kinds(),
        };
        self.shared.log.delivery(delivery, at)
    }
}

/// Sends a request and waits for the answer as long as `WeChat` does.
pub(super) async fn post(
    shared: &Shared,
    url: &str,
    headers: &BTreeMap<String, String>,
    body: Vec<u8>,
) -> Answer {
    let started = Instant::now();
    let mut request = shared.client.post(url).body(body);
    for (name, value) in headers {
        request = request.header(name, value);
    }
    let exchange = async {
        let response = request.send().await.ok()?;
        let status = response.status().as_u16();
        let mut chunks = response.bytes_stream();
        let mut kept = Vec::new();
        while let Some(chunk) = chunks.next().await {
            let room = ANSWER_BYTES_KEPT.saturating_sub(kept.len());
            kept.extend(chunk.ok()?.into_iter().take(room));
        }
        Some((status, String::from_utf8_lossy(&kept).into_owned()))
    };
    let answered = tokio::time::timeout(NOTIFICATION_TIMEOUT, exchange)
        .await
        .ok()
        .flatten();
    let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    match answered {
        Some((status, body)) => Answer {
            status: Some(status),
            body,
            duration_ms,
        },
        None => Answer {
            status: None,
            body: String::new(),
            duration_ms,
        },
    }
}
