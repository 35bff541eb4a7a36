//! `SUBSCRIBE_TEMPLATES_FILE`: the messages that are sent when something happens to an order.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{MiniSettings, Noted, Reader};
use crate::domain::name::{AppId, TemplateId};
use crate::domain::subscribe::{EVENTS, KEYWORDS_MAX, Keyword, Lang, OrderTemplate, OrderText, ProgramState};

const FILE: &str = "SUBSCRIBE_TEMPLATES_FILE";
/// More templates than any owner has: 50 for each account.
const TEMPLATES_MAX: usize = 500;

/// Which messages are sent by themselves.
#[derive(Debug, Default)]
pub struct SubscribeSettings {
    /// One for each event, mini program and template at the most.
    pub templates: Vec<OrderTemplate>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    template: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    event: String,
    app_id: Option<String>,
    template_id: String,
    page: Option<String>,
    miniprogram_state: Option<String>,
    lang: Option<String>,
    data: BTreeMap<String, String>,
}

impl SubscribeSettings {
    /// Reads the section; every problem of every template is noted. Without `mini`, which has problems of its own,
    /// the mini programs are not compared.
    pub fn read(reader: &Reader<'_>, mini: Option<&MiniSettings>) -> Result<Self, Noted> {
        if reader.optional(FILE).is_none() {
            return Ok(Self::default());
        }
        let text = reader.file(FILE)?;
        let file: File = toml::from_str(&text).map_err(|error| {
            let what =
                "names a file that is not TOML of [[template]] tables with event, template_id and data";
            reader.problem(FILE, format!("{what}: {}", error.message()))
        })?;
        if file.template.len() > TEMPLATES_MAX {
            return Err(reader.problem(FILE, format!("holds more than {TEMPLATES_MAX} templates")));
        }
        let mut templates: Vec<OrderTemplate> = Vec::new();
        let mut is_whole = true;
        for (at, entry) in file.template.into_iter().enumerate() {
            let number = at.saturating_add(1);
            let complain = |what: String| reader.problem(FILE, format!("template {number}: {what}"));
            match template(entry, mini, &complain) {
                Ok(template) if templates.iter().any(|earlier| is_same(earlier, &template)) => {
                    complain("event, mini program and template are those of an earlier one".to_owned());
                    is_whole = false;
                }
                Ok(template) => templates.push(template),
                Err(Noted) => is_whole = false,
            }
        }
        if is_whole {
            Ok(Self { templates })
        } else {
            Err(Noted)
        }
    }
}

fn is_same(one: &OrderTemplate, other: &OrderTemplate) -> bool {
    one.text.event() == other.text.event()
        && one.app_id == other.app_id
        && one.template_id == other.template_id
}

fn template(
    entry: Entry,
    mini: Option<&MiniSettings>,
    complain: &impl Fn(String) -> Noted,
) -> Result<OrderTemplate, Noted> {
    let event = EVENTS.into_iter().find(|event| *event == entry.event);
    let event = event.ok_or_else(|| complain(format!("`event` must be one of {}", EVENTS.join(", "))));
    let app_id = app(entry.app_id, mini, complain);
    let template_id = TemplateId::parse(entry.template_id)
        .map_err(|_| complain("`template_id` is not the id of a template".to_owned()));
    let state = match entry.miniprogram_state {
        None => Ok(ProgramState::default()),
        Some(word) => ProgramState::parse(&word)
            .ok_or_else(|| complain("`miniprogram_state` must be developer, trial or formal".to_owned())),
    };
    let lang = match entry.lang {
        None => Ok(Lang::default()),
        Some(word) => Lang::parse(&word)
            .ok_or_else(|| complain("`lang` must be zh_CN, en_US, zh_HK or zh_TW".to_owned())),
    };
    // An event that is none has been noted; the rest is tried on that with the most to tell.
    let text = text(
        event.unwrap_or("order.shipped"),
        (entry.page, entry.data),
        complain,
    );
    event?;
    Ok(OrderTemplate {
        app_id: app_id?,
        template_id: template_id?,
        state: state?,
        lang: lang?,
        text: text?,
    })
}

fn text(
    event: &'static str,
    (page, data): (Option<String>, BTreeMap<String, String>),
    complain: &impl Fn(String) -> Noted,
) -> Result<OrderText, Noted> {
    let mut text = OrderText::new(event);
    let mut is_good = (1..=KEYWORDS_MAX).contains(&data.len());
    if !is_good {
        complain(format!("`data` must have 1 to {KEYWORDS_MAX} keywords"));
    }
    if let Some(page) = page
        && let Err(what) = text.set_page(&page)
    {
        complain(format!("`page` {what}"));
        is_good = false;
    }
    for (name, pattern) in data {
        let added = match Keyword::parse(name.as_str()) {
            Ok(keyword) => text.add(keyword, &pattern),
            Err(error) => Err(error.to_string()),
        };
        if let Err(what) = added {
            complain(format!("`data.{name}` {what}"));
            is_good = false;
        }
    }
    if is_good { Ok(text) } else { Err(Noted) }
}

/// The mini program that is named, or the default one.
fn app(
    id: Option<String>,
    mini: Option<&MiniSettings>,
    complain: &impl Fn(String) -> Noted,
) -> Result<AppId, Noted> {
    let known = mini.map(|mini| mini.apps.as_slice()).unwrap_or_default();
    let Some(id) = id else {
        return known.first().map(|app| app.id.clone()).ok_or(Noted);
    };
    let id = AppId::parse(id).map_err(|_| complain("`app_id` is not an AppID".to_owned()))?;
    if mini.is_some() && !known.iter().any(|app| app.id == id) {
        return Err(complain(format!(
            "`app_id` {id} is no mini program of this server"
        )));
    }
    Ok(id)
}
