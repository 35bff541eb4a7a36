//! Subscribe messages as `WeChat` keeps them: templates, what people have allowed, and what they were shown.
//!
//! Source: the documentation of `subscribeMessage.send` and of `wx.requestSubscribeMessage`.

use std::collections::{BTreeMap, HashMap, VecDeque};

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;

use super::push::PushDraft;
use super::record::Record;
use super::world::World;

/// Messages that are remembered; past this many the oldest is forgotten.
const MESSAGES_MAX: usize = 10_000;

/// A template of a mini program, declared in its console.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[expect(
    clippy::struct_field_names,
    reason = "the id is called what the control API calls it"
)]
pub(super) struct Template {
    /// The mini program; null: every one, as the templates that are there from the beginning.
    pub(super) app_id: Option<String>,
    pub(super) template_id: String,
    pub(super) title: String,
    /// What stands beside each value, by keyword, such as `thing1`.
    pub(super) keywords: BTreeMap<String, String>,
    /// Allowed once and for all, as for public services.
    pub(super) is_long_term: bool,
    /// Blocked by `WeChat`.
    pub(super) is_blocked: bool,
}

/// What a person has allowed.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Permission {
    pub(super) app_id: String,
    pub(super) openid: String,
    pub(super) template_id: String,
    /// Messages that are left; of a long-term template one stands for all.
    pub(super) left: u32,
    /// Switched off in the settings of the mini program.
    pub(super) is_off: bool,
}

/// A message that `WeChat` took.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub(super) struct Message {
    pub(super) msgid: u64,
    pub(super) at: DateTime<Utc>,
    pub(super) app_id: String,
    pub(super) user_id: String,
    pub(super) openid: String,
    pub(super) template_id: String,
    pub(super) title: String,
    /// What a tap opens.
    pub(super) page: Option<String>,
    pub(super) miniprogram_state: String,
    pub(super) lang: String,
    /// By keyword.
    pub(super) data: BTreeMap<String, String>,
    /// Whether the person saw it.
    pub(super) is_shown: bool,
}

type Place = (String, String, String);

/// All of them.
#[derive(Default)]
pub(super) struct Subscriptions {
    templates: BTreeMap<(Option<String>, String), Template>,
    permissions: BTreeMap<Place, Permission>,
    messages: VecDeque<Message>,
    /// Until when a message to a person is on its way; not kept over a restart.
    busy: HashMap<(String, String), DateTime<Utc>>,
}

impl Subscriptions {
    pub(super) fn apply_template(&mut self, template: Template) {
        let place = (template.app_id.clone(), template.template_id.clone());
        self.templates.insert(place, template);
    }

    pub(super) fn apply_permission(&mut self, permission: Permission) {
        let place = (
            permission.app_id.clone(),
            permission.openid.clone(),
            permission.template_id.clone(),
        );
        self.permissions.insert(place, permission);
    }

    pub(super) fn apply_message(&mut self, message: Message) {
        if self.messages.len() >= MESSAGES_MAX {
            self.messages.pop_front();
        }
        self.messages.push_back(message);
    }

    /// Everything worth keeping, for a fresh journal.
    pub(super) fn records(&self) -> impl Iterator<Item = Record> {
        let templates = self.templates.values().cloned().map(Record::SubscribeTemplate);
        let permissions = self
            .permissions
            .values()
            .cloned()
            .map(Record::SubscribePermission);
        let messages = self.messages.iter().cloned().map(Record::SubscribeMessage);
        templates.chain(permissions).chain(messages)
    }

    /// Those of a mini program, and those that every one has.
    pub(super) fn templates(&self, app_id: &str) -> Vec<Template> {
        let own: Vec<Template> = self
            .templates
            .values()
            .filter(|template| template.app_id.as_deref() == Some(app_id))
            .cloned()
            .collect();
        let is_other = |demo: &Template| own.iter().all(|known| known.template_id != demo.template_id);
        let demo: Vec<Template> = demo_templates().into_iter().filter(is_other).collect();
        [demo, own].concat()
    }

    pub(super) fn template(&self, app_id: &str, template_id: &str) -> Option<Template> {
        self.templates(app_id)
            .into_iter()
            .find(|template| template.template_id == template_id)
    }

    /// What a person has allowed of a template; nobody asked yet: nothing.
    pub(super) fn permission(&self, app_id: &str, openid: &str, template_id: &str) -> Permission {
        let place = (app_id.to_owned(), openid.to_owned(), template_id.to_owned());
        self.permissions.get(&place).cloned().unwrap_or(Permission {
            app_id: place.0,
            openid: place.1,
            template_id: place.2,
            left: 0,
            is_off: false,
        })
    }

    /// All messages, oldest first.
    pub(super) fn messages(&self) -> impl Iterator<Item = &Message> {
        self.messages.iter()
    }

    /// Takes the way to a person for so long; false if a message is on it.
    pub(super) fn take_way(&mut self, app_id: &str, openid: &str, ms: i64, now: DateTime<Utc>) -> bool {
        self.busy.retain(|_, until| *until > now);
        let way = (app_id.to_owned(), openid.to_owned());
        if self.busy.contains_key(&way) {
            return false;
        }
        if ms > 0 {
            self.busy.insert(way, now + TimeDelta::milliseconds(ms));
        }
        true
    }
}

/// Templates that are there from the beginning, for the demonstration.
fn demo_templates() -> Vec<Template> {
    let demo = |template_id: &str, title: &str, keywords: &[(&str, &str)]| Template {
        app_id: None,
        template_id: template_id.to_owned(),
        title: title.to_owned(),
        keywords: keywords
            .iter()
            .map(|(name, label)| ((*name).to_owned(), (*label).to_owned()))
            .collect(),
        is_long_term: false,
        is_blocked: false,
    };
    vec![
        demo(
            "demo_order_paid_0000000000000000000000000001",
            "支付成功通知",
            &[
                ("thing1", "商品"),
                ("amount2", "金额"),
                ("character_string3", "订单号"),
                ("time4", "支付时间"),
            ],
        ),
        demo(
            "demo_order_refunded_000000000000000000000002",
            "退款通知",
            &[("thing1", "商品"), ("amount2", "退款金额")],
        ),
    ]
}

/// A person's answer to one template of a popup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Answer {
    Accept,
    Reject,
    /// Nobody is asked: the template is blocked.
    Ban,
}

/// `wx.requestSubscribeMessage` on a phone. Gives each template's answer; an unknown template: its id.
pub(super) fn ask(
    world: &mut World,
    (app_id, openid): (&str, &str),
    wanted: &[(String, Answer)],
    now: DateTime<Utc>,
) -> Result<Vec<(String, Answer)>, String> {
    let mut answers = Vec::new();
    for (template_id, answer) in wanted {
        let template = world
            .subscriptions
            .template(app_id, template_id)
            .ok_or_else(|| template_id.clone())?;
        let mut permission = world.subscriptions.permission(app_id, openid, template_id);
        let answer = match *answer {
            _ if template.is_blocked => Answer::Ban,
            _ if permission.is_off => Answer::Reject,
            answer => answer,
        };
        if answer == Answer::Accept {
            permission.left = if template.is_long_term {
                1
            } else {
                permission.left.saturating_add(1)
            };
            world.put(Record::SubscribePermission(permission));
        }
        answers.push((template_id.clone(), answer));
    }
    let told: Vec<Value> = answers
        .iter()
        .filter(|(_, answer)| *answer != Answer::Ban)
        .map(|(template_id, answer)| item(template_id, *answer))
        .collect();
    if !told.is_empty() {
        let fields = vec![("List", Value::Array(told))];
        let draft = PushDraft::event(Some(openid), "subscribe_msg_popup_event", fields);
        world.push(app_id, draft, now);
    }
    Ok(answers)
}

/// Switches a template on or off in the settings of a mini program; off, nothing that was allowed is left.
pub(super) fn switch(
    world: &mut World,
    (app_id, openid): (&str, &str),
    template_id: &str,
    is_off: bool,
    now: DateTime<Utc>,
) {
    let mut permission = world.subscriptions.permission(app_id, openid, template_id);
    permission.is_off = is_off;
    if is_off {
        permission.left = 0;
    }
    world.put(Record::SubscribePermission(permission));
    // Only what was switched off is told.
    if is_off {
        let told = json!([{ "TemplateId": template_id, "SubscribeStatusString": Answer::Reject }]);
        let draft = PushDraft::event(Some(openid), "subscribe_msg_change_event", vec![("List", told)]);
        world.push(app_id, draft, now);
    }
}

fn item(template_id: &str, answer: Answer) -> Value {
    json!({ "TemplateId": template_id, "SubscribeStatusString": answer, "PopupScene": "0" })
}

/// Keeps a message that was taken, and has it told what became of it.
pub(super) fn deliver(world: &mut World, message: Message, now: DateTime<Utc>) {
    let (code, status) = if message.is_shown {
        ("0", "success")
    } else {
        ("1", "failed")
    };
    let told = json!([{
        "TemplateId": message.template_id,
        "MsgID": message.msgid.to_string(),
        "ErrorCode": code,
        "ErrorStatus": status,
    }]);
    let draft = PushDraft::event(
        Some(&message.openid),
        "subscribe_msg_sent_event",
        vec![("List", told)],
    );
    world.push(&message.app_id, draft, now);
    world.put(Record::SubscribeMessage(message));
}
