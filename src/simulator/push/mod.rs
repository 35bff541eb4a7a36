//! Message push: what `WeChat` tells a mini program's server by itself, in the clear or sealed, as JSON or
//! as XML, signed anew at each attempt and repeated until the answer is `success`.
//!
//! Whoever has something to tell calls [`World::push`] within a step of the world. Where nothing is set up
//! nothing is sent, as with a console that was never filled in.

mod attempt;
pub(super) mod craft;
mod message;
mod request;
mod seal;
mod sender;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use url::Url;
use utoipa::ToSchema;

use super::options::{App, PushFormat, PushMode};
use super::record::Record;
use super::world::World;
use request::Request;

pub(super) use sender::{deliver_due, run};

/// How often a push is repeated that was not answered as it should be.
const REPETITIONS: u32 = 3;
/// How long after an attempt the next one is due, in milliseconds.
const REPEATED_AFTER_MS: u64 = 5_000;

/// What a console says of message push.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PushSettings {
    pub(super) app_id: String,
    /// Null: `/wechat/push/{app_id}` of the server, if there is one.
    pub(super) url: Option<String>,
    pub(super) token: String,
    /// 43 characters of base64.
    pub(super) encoding_aes_key: String,
    pub(super) mode: PushMode,
    pub(super) format: PushFormat,
}

/// Something to tell.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct PushDraft {
    /// Whom it is from; none: `WeChat` itself.
    pub(super) openid: Option<String>,
    /// The members behind `ToUserName`, `FromUserName` and `CreateTime`, in their order. A list called
    /// `List` is written as the events of subscribe messages write theirs.
    pub(super) members: Vec<(String, Value)>,
}

impl PushDraft {
    /// An event with what it says.
    pub(super) fn event(openid: Option<&str>, event: &str, fields: Vec<(&str, Value)>) -> Self {
        let head = [("MsgType", json!("event")), ("Event", json!(event))];
        let members = head
            .into_iter()
            .chain(fields)
            .map(|(name, value)| (name.to_owned(), value));
        Self {
            openid: openid.map(str::to_owned),
            members: members.collect(),
        }
    }

    /// A member as text.
    fn text(&self, name: &str) -> Option<&str> {
        let found = self.members.iter().find(|(known, _)| known == name)?;
        found.1.as_str()
    }

    /// For people: the event, or what kind of message it is.
    pub(super) fn title(&self) -> &str {
        self.text("Event")
            .or_else(|| self.text("MsgType"))
            .unwrap_or("message")
    }
}

/// A message that still wants its `success`, or was just done with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Waiting {
    /// Counts up over all of them.
    pub(super) number: u64,
    pub(super) app_id: String,
    pub(super) draft: PushDraft,
    pub(super) created_at: DateTime<Utc>,
    /// Attempts made so far.
    pub(super) attempts: u32,
    /// When the next attempt is due; none: taken or given up.
    pub(super) due_at: Option<DateTime<Utc>>,
}

/// Message push of all mini programs.
#[derive(Debug, Default)]
pub(super) struct Pushes {
    /// Where messages go whose console names no address; not kept over a restart.
    pub(super) server: Option<Url>,
    settings: BTreeMap<String, PushSettings>,
    /// By number.
    waiting: BTreeMap<u64, Waiting>,
    /// The last request to each mini program, to be sent again; not kept over a restart.
    last: BTreeMap<String, Request>,
    /// Whether there is a new message since this was last asked.
    is_fresh: bool,
}

impl Pushes {
    pub(super) fn new(apps: &[App], server: Option<Url>) -> Self {
        let settings = apps.iter().filter_map(|app| {
            let push = app.push.as_ref()?;
            let settings = PushSettings {
                app_id: app.app_id.clone(),
                url: None,
                token: push.token.expose_secret().to_owned(),
                encoding_aes_key: push.encoding_aes_key.expose_secret().to_owned(),
                mode: push.mode,
                format: push.format,
            };
            Some((app.app_id.clone(), settings))
        });
        Self {
            server,
            settings: settings.collect(),
            ..Self::default()
        }
    }

    pub(super) fn set(&mut self, settings: PushSettings) {
        self.settings.insert(settings.app_id.clone(), settings);
    }

    pub(super) fn apply(&mut self, waiting: Waiting) {
        self.is_fresh |= waiting.attempts == 0;
        if waiting.due_at.is_some() {
            self.waiting.insert(waiting.number, waiting);
        } else {
            self.waiting.remove(&waiting.number);
        }
    }

    /// Everything worth keeping.
    pub(super) fn records(&self) -> impl Iterator<Item = Record> + '_ {
        let settings = self.settings.values().cloned().map(Record::PushSettings);
        settings.chain(self.waiting.values().cloned().map(Record::Push))
    }

    /// Those that are still to be taken, oldest first.
    pub(super) fn waiting(&self) -> impl Iterator<Item = &Waiting> {
        self.waiting.values()
    }

    /// What the consoles say.
    pub(super) fn all_settings(&self) -> Vec<PushSettings> {
        self.settings.values().cloned().collect()
    }

    /// Message push of a mini program, and where it goes; none: it is not set up.
    pub(super) fn of(&self, app_id: &str) -> Option<(PushSettings, String)> {
        let settings = self.settings.get(app_id)?;
        let url = match (&settings.url, &self.server) {
            (Some(url), _) => url.clone(),
            (None, Some(server)) => {
                let server = server.as_str().trim_end_matches('/');
                format!("{server}/wechat/push/{app_id}")
            }
            (None, None) => return None,
        };
        Some((settings.clone(), url))
    }

    /// Whether there is a new message since this was last asked.
    pub(super) fn take_fresh(&mut self) -> bool {
        std::mem::take(&mut self.is_fresh)
    }
}

impl World {
    /// Has a message pushed to the server of a mini program, as soon as pushes go out.
    pub(super) fn push(&mut self, app_id: &str, draft: PushDraft, now: DateTime<Utc>) {
        if self.pushes.of(app_id).is_none() {
            return;
        }
        // A draw, so that numbers count up over a restart.
        let _: [u8; 1] = self.entropy.bytes();
        let waiting = Waiting {
            number: self.entropy.drawn(),
            app_id: app_id.to_owned(),
            draft,
            created_at: now,
            attempts: 0,
            due_at: Some(now),
        };
        self.put(Record::Push(waiting));
    }
}
