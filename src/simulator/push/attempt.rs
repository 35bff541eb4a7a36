//! One attempt to push a message, with whatever faults strike it.

use std::time::Instant;

use chrono::{DateTime, Utc};
use futures_util::future::join_all;

use super::message::{text, with_doctype};
use super::request::{self, Letter, Request, Spoiling};
use super::{PushDraft, PushSettings, REPEATED_AFTER_MS, REPETITIONS, Waiting};
use crate::simulator::clock::after_ms;
use crate::simulator::error::Error;
use crate::simulator::fault::{Api, FaultKind, Struck};
use crate::simulator::log::{DeliveryKind, PushDelivery};
use crate::simulator::options::{Delivery, PushMode};
use crate::simulator::outbound::NOTIFICATION_TIMEOUT;
use crate::simulator::pay::answer::OUTSIDE_WINDOW;
use crate::simulator::record::Record;
use crate::simulator::state::Shared;

/// The most of an answer that is read.
const ANSWER_BYTES_MAX: usize = 2_000;
/// For whom a push is sealed that went astray.
const ANOTHER_APP: &str = "wx0000000000000000";

/// What came back.
pub(super) struct Answer {
    /// None: nothing in time.
    pub(super) status: Option<u16>,
    pub(super) body: String,
    pub(super) duration_ms: u64,
}

impl Answer {
    /// Whether the server took it.
    pub(super) fn is_success(&self) -> bool {
        self.status == Some(200) && ["", "success"].contains(&self.body.as_str())
    }
}

/// Makes the attempt that is due and settles what comes next. Returns what went out.
pub(super) async fn make(shared: &Shared, waiting: &Waiting) -> Vec<PushDelivery> {
    let struck = shared.faults().strike(Api::Push);
    let sent_at = shared.clock.now();
    let sent = if struck.has(FaultKind::NotificationLost) {
        vec![log(shared, waiting, &struck, DeliveryKind::Scheduled, None)]
    } else {
        send_all(shared, waiting, &struck).await.unwrap_or_else(|error| {
            tracing::error!(%error, "a push could not be made");
            Vec::new()
        })
    };
    settle(shared, waiting, &sent, sent_at);
    sent
}

/// Writes down whether the message is done with or when its next attempt is due.
fn settle(shared: &Shared, waiting: &Waiting, sent: &[PushDelivery], sent_at: DateTime<Utc>) {
    let is_taken = sent.iter().any(|delivery| delivery.is_taken);
    let attempts = waiting.attempts.saturating_add(1);
    let speed = match shared.delivery {
        Delivery::Automatic { speed } => u64::from(speed.get()),
        Delivery::Manual => 1,
    };
    let wait_ms = REPEATED_AFTER_MS.checked_div(speed).unwrap_or(REPEATED_AFTER_MS);
    let due_at = (!is_taken && attempts <= REPETITIONS).then(|| after_ms(sent_at, wait_ms));
    let settled = Waiting {
        attempts,
        due_at,
        ..waiting.clone()
    };
    shared.step(|world, _| world.put(Record::Push(settled)));
}

/// The one before it where it is sent again, then the genuine one, twice at once where it is doubled.
async fn send_all(shared: &Shared, waiting: &Waiting, struck: &Struck) -> Result<Vec<PushDelivery>, Error> {
    let mut sent = Vec::new();
    let app_id = waiting.app_id.as_str();
    let earlier = shared.step(|world, _| world.pushes.last.get(app_id).cloned());
    if let Some(earlier) = earlier.filter(|_| struck.has(FaultKind::PushReplayed)) {
        let answer = post(shared, &earlier).await;
        // It says nothing of this message.
        sent.push(PushDelivery {
            is_taken: false,
            ..log(shared, waiting, struck, DeliveryKind::Replayed, Some(answer))
        });
    }
    let mut kinds = vec![DeliveryKind::Scheduled];
    if struck.has(FaultKind::NotificationDoubled) {
        kinds.push(DeliveryKind::Copy);
    }
    let requests = kinds
        .into_iter()
        .map(|kind| Ok((kind, struck_request(shared, waiting, struck)?)))
        .collect::<Result<Vec<_>, Error>>()?;
    let sending = requests.iter().map(|(kind, request)| async move {
        let answer = post(shared, request).await;
        log(shared, waiting, struck, *kind, Some(answer))
    });
    sent.extend(join_all(sending).await);
    if let Some((_, request)) = requests.into_iter().next() {
        shared.step(|world, _| world.pushes.last.insert(app_id.to_owned(), request));
    }
    Ok(sent)
}

fn struck_request(shared: &Shared, waiting: &Waiting, struck: &Struck) -> Result<Request, Error> {
    let app_id = waiting.app_id.as_str();
    let (mut settings, url) = settings_of(shared, app_id)?;
    let now = shared.clock.now();
    let text = if struck.has(FaultKind::PushDoctype) {
        with_doctype(&waiting.draft, app_id, waiting.created_at)
    } else {
        text(app_id, &waiting.draft, settings.format, waiting.created_at)
    };
    if struck.has(FaultKind::PushPlain) {
        settings.mode = PushMode::Plain;
    }
    let signed_at = if struck.has(FaultKind::NotificationStale) {
        now - OUTSIDE_WINDOW
    } else if struck.has(FaultKind::NotificationFuture) {
        now + OUTSIDE_WINDOW
    } else {
        now
    };
    let is_astray = struck.has(FaultKind::PushWrongAppId);
    let envelope = Envelope {
        url: &url,
        sealed_for: if is_astray { ANOTHER_APP } else { app_id },
        signed_at,
        spoiling: if struck.has(FaultKind::WrongAnswerSignature) {
            Spoiling::Wrong
        } else {
            Spoiling::None
        },
    };
    enclose(shared, &settings, &waiting.draft, &text, &envelope)
}

/// What is around a message.
pub(super) struct Envelope<'a> {
    pub(super) url: &'a str,
    pub(super) sealed_for: &'a str,
    pub(super) signed_at: DateTime<Utc>,
    pub(super) spoiling: Spoiling,
}

/// A request with a nonce of its own.
pub(super) fn enclose(
    shared: &Shared,
    settings: &PushSettings,
    draft: &PushDraft,
    text: &str,
    envelope: &Envelope<'_>,
) -> Result<Request, Error> {
    let (nonce, random) = shared.step(|world, _| (world.entropy.digits(10), world.entropy.text(16)));
    let random = random.into_bytes().try_into();
    request::make(&Letter {
        settings,
        url: envelope.url,
        openid: draft.openid.as_deref().unwrap_or_default(),
        text,
        app_id: envelope.sealed_for,
        signed_at: envelope.signed_at,
        nonce: &nonce,
        random: random.map_err(|_| Error::Setting("sixteen letters are sixteen bytes"))?,
        spoiling: envelope.spoiling,
    })
}

/// What the console says, and where pushes go.
pub(super) fn settings_of(shared: &Shared, app_id: &str) -> Result<(PushSettings, String), Error> {
    shared
        .step(|world, _| world.pushes.of(app_id))
        .ok_or(Error::Setting(
            "this mini program has no message push, or nowhere to send it",
        ))
}

/// Sends a request and waits for the answer as long as `WeChat` does.
pub(super) async fn post(shared: &Shared, request: &Request) -> Answer {
    let started = Instant::now();
    let sending = shared
        .client
        .post(&request.url)
        .header("content-type", request.content_type)
        .body(request.body.clone());
    let exchange = async {
        let response = sending.send().await.ok()?;
        let status = response.status().as_u16();
        let mut body = response.text().await.ok()?;
        body.truncate(body.floor_char_boundary(ANSWER_BYTES_MAX));
        Some((status, body))
    };
    let answered = tokio::time::timeout(NOTIFICATION_TIMEOUT, exchange)
        .await
        .ok()
        .flatten();
    let (status, body) = answered.map_or((None, String::new()), |(status, body)| (Some(status), body));
    Answer {
        status,
        body,
        duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
    }
}

fn log(
    shared: &Shared,
    waiting: &Waiting,
    struck: &Struck,
    kind: DeliveryKind,
    answer: Option<Answer>,
) -> PushDelivery {
    let at = shared.clock.now();
    let delivery = PushDelivery {
        sequence: 0,
        app_id: waiting.app_id.clone(),
        title: waiting.draft.title().to_owned(),
        kind,
        attempt: waiting.attempts.saturating_add(1),
        sent_at: answer.is_some().then_some(at),
        is_taken: answer.as_ref().is_some_and(Answer::is_success),
        status: answer.as_ref().and_then(|answer| answer.status),
        duration_ms: answer.as_ref().map_or(0, |answer| answer.duration_ms),
        body: answer.map(|answer| answer.body).unwrap_or_default(),
        faults: struck.kinds(),
    };
    shared.log.push(delivery, at)
}
