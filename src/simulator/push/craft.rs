//! Pushes made by hand: whatever a test wants to see refused, or taken only once.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::PushDraft;
use super::attempt::{Answer, Envelope, enclose, post, settings_of};
use super::message::{text, with_doctype};
use super::request::{Request, Spoiling};
use crate::simulator::error::Error;
use crate::simulator::log::{DeliveryKind, PushDelivery};
use crate::simulator::options::{PushFormat, PushMode};
use crate::simulator::state::Shared;

/// How a push is signed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::simulator) enum PushSignature {
    #[default]
    Valid,
    /// Of another nonce.
    Wrong,
    Missing,
    /// The one of the query alone stands in the place of the one over what is sealed.
    OfQuery,
}

/// A push made by hand.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::simulator) struct CraftedPush {
    /// The first mini program when absent.
    app_id: Option<String>,
    /// Who sent it; absent: `WeChat` itself.
    openid: Option<String>,
    /// What it says, beside `ToUserName`, `FromUserName` and `CreateTime`, which may be given too; a null
    /// leaves one out.
    #[serde(default)]
    message: Map<String, Value>,
    /// The whole text in place of that, as it is.
    text: Option<String>,
    /// What the console says when absent.
    mode: Option<PushMode>,
    /// What the console says when absent.
    format: Option<PushFormat>,
    /// XML with a document type and an entity of it.
    #[serde(default)]
    doctype: bool,
    #[serde(default)]
    signature: PushSignature,
    /// Added to the time in the query, in seconds.
    #[serde(default)]
    timestamp_offset_s: i32,
    /// The app id behind what is sealed, if it is another.
    sealed_for: Option<String>,
    /// How many are sent, 1 to 100; one when absent. They say the same, each signed for itself.
    copies: Option<u8>,
    /// All copies at once instead of one after the other.
    #[serde(default)]
    parallel: bool,
    /// Another address than the console's.
    url: Option<String>,
    /// `false`: nothing is sent, the finished requests come back in `requests`.
    send: Option<bool>,
    /// It waits like whatever the simulated `WeChat` tells by itself, is repeated, and may be struck by faults.
    /// Nothing but `app_id`, `openid` and `message` counts then.
    #[serde(default)]
    scheduled: bool,
}

/// What the server answered to one copy.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::simulator) struct CraftedPushAnswer {
    /// Null when no answer came within five seconds.
    status: Option<u16>,
    body: String,
    ms: u64,
}

/// What became of it.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(in crate::simulator) struct CraftedPushOutcome {
    /// One for each copy that was sent.
    answers: Vec<CraftedPushAnswer>,
    /// One for each copy that was not sent because of `"send": false`.
    requests: Vec<Request>,
}

/// Makes the copies and sends them, unless they are only asked for.
pub(in crate::simulator) async fn craft(
    shared: &Shared,
    wish: CraftedPush,
) -> Result<CraftedPushOutcome, Error> {
    let app = shared.app(wish.app_id.as_deref());
    let app_id = &app.ok_or(Error::Setting("no such mini program"))?.app_id;
    let draft = PushDraft {
        openid: wish.openid.clone(),
        members: wish.message.clone().into_iter().collect(),
    };
    if wish.scheduled {
        settings_of(shared, app_id)?;
        shared.step(|world, now| world.push(app_id, draft, now));
        return Ok(CraftedPushOutcome::default());
    }
    let copies = wish.copies.unwrap_or(1).clamp(1, 100);
    let requests: Vec<Request> = written(shared, app_id, &draft, &wish, copies)?;
    if wish.send == Some(false) {
        return Ok(CraftedPushOutcome {
            requests,
            ..CraftedPushOutcome::default()
        });
    }
    let sending = requests
        .iter()
        .map(|request| deliver(shared, app_id, &draft, request));
    let answers = if wish.parallel {
        futures_util::future::join_all(sending).await
    } else {
        let mut answers = Vec::new();
        for one in sending {
            answers.push(one.await);
        }
        answers
    };
    Ok(CraftedPushOutcome {
        answers,
        ..CraftedPushOutcome::default()
    })
}

/// The copies: the same message, each with a time, a nonce and a signature of its own.
fn written(
    shared: &Shared,
    app_id: &str,
    draft: &PushDraft,
    wish: &CraftedPush,
    copies: u8,
) -> Result<Vec<Request>, Error> {
    let (mut settings, url) = settings_of(shared, app_id)?;
    let url = wish.url.clone().unwrap_or(url);
    settings.mode = wish.mode.unwrap_or(settings.mode);
    settings.format = wish.format.unwrap_or(settings.format);
    let now = shared.clock.now();
    let said = match &wish.text {
        Some(said) => said.clone(),
        None if wish.doctype => with_doctype(draft, app_id, now),
        None => text(app_id, draft, settings.format, now),
    };
    let envelope = Envelope {
        url: &url,
        sealed_for: wish.sealed_for.as_deref().unwrap_or(app_id),
        signed_at: now + TimeDelta::seconds(i64::from(wish.timestamp_offset_s)),
        spoiling: match wish.signature {
            PushSignature::Valid => Spoiling::None,
            PushSignature::Wrong => Spoiling::Wrong,
            PushSignature::Missing => Spoiling::Missing,
            PushSignature::OfQuery => Spoiling::OfQuery,
        },
    };
    (0..copies)
        .map(|_| enclose(shared, &settings, draft, &said, &envelope))
        .collect()
}

async fn deliver(shared: &Shared, app_id: &str, draft: &PushDraft, request: &Request) -> CraftedPushAnswer {
    let answer: Answer = post(shared, request).await;
    let at = shared.clock.now();
    let delivery = PushDelivery {
        sequence: 0,
        app_id: app_id.to_owned(),
        title: draft.title().to_owned(),
        kind: DeliveryKind::Crafted,
        attempt: 0,
        sent_at: Some(at),
        is_taken: answer.is_success(),
        status: answer.status,
        body: answer.body.clone(),
        duration_ms: answer.duration_ms,
        faults: Vec::new(),
    };
    shared.log.push(delivery, at);
    CraftedPushAnswer {
        status: answer.status,
        body: answer.body,
        ms: answer.duration_ms,
    }
}
