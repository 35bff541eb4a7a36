//! `WECHAT_…`: the mini programs.

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use url::Url;

use super::{Noted, Reader, secret};
use crate::domain::access_token::Issuer;
use crate::domain::name::{AppId, FunctionName};

/// More mini programs than any owner has; the bound of the list, and of what is kept per app.
const APPS_MAX: usize = 100;

/// More functions than any environment has.
const FUNCTIONS_MAX: usize = 500;

const CLOUD_FUNCTIONS: &str = "WECHAT_CLOUD_FUNCTIONS";
const APPS_FILE: &str = "WECHAT_APPS_FILE";

/// The mini programs, and where WeChat is.
#[derive(Debug)]
pub struct MiniSettings {
    /// The first is the default where a request names none. Never empty, no id twice.
    pub apps: Vec<MiniProgram>,
    /// WeChat's mini-program API.
    pub api_base_url: Url,
    /// Which of WeChat's issuers access tokens come from.
    pub token_issuer: Issuer,
    /// The cloud environment.
    pub cloud_env: Option<String>,
    /// The cloud functions that pages may call.
    pub cloud_functions: Vec<FunctionName>,
}

/// One mini program.
#[derive(Debug)]
pub struct MiniProgram {
    /// Its `AppID`.
    pub id: AppId,
    /// Its `AppSecret`.
    pub secret: SecretString,
    /// Message push; none: pushes to it are refused.
    pub push: Option<PushSettings>,
}

/// Message push of one mini program.
#[derive(Debug)]
pub struct PushSettings {
    /// The token of WeChat's console.
    pub token: SecretString,
    /// `EncodingAESKey`, 43 characters; none: plain mode.
    pub aes_key: Option<SecretString>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AppsFile {
    #[serde(default)]
    app: Vec<AppEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AppEntry {
    id: String,
    secret: SecretString,
    push_token: Option<SecretString>,
    push_aes_key: Option<SecretString>,
}

impl MiniSettings {
    /// Reads the section.
    pub fn read(reader: &Reader<'_>) -> Result<Self, Noted> {
        let main = main_app(reader);
        let more = more_apps(reader);
        let api_base_url = reader.host_url("WECHAT_API_BASE_URL", "https://api.weixin.qq.com");
        let token_issuer = token_issuer(reader);
        let cloud_env = reader.optional("WECHAT_CLOUD_ENV");
        let cloud_functions = cloud_functions(reader);
        let cloud_env = if cloud_env.is_none() && reader.optional(CLOUD_FUNCTIONS).is_some() {
            Err(reader.problem("WECHAT_CLOUD_ENV", "is required with WECHAT_CLOUD_FUNCTIONS"))
        } else {
            Ok(cloud_env)
        };
        let apps = apps(reader, main, more);
        Ok(Self {
            apps: apps?,
            api_base_url: api_base_url?,
            token_issuer: token_issuer?,
            cloud_env: cloud_env?,
            cloud_functions: cloud_functions?,
        })
    }
}

/// The app of the variables, and those of the file behind it. One that is wrong hides nothing that is wrong of the others.
fn apps(
    reader: &Reader<'_>,
    main: Result<MiniProgram, Noted>,
    more: Result<Vec<MiniProgram>, Noted>,
) -> Result<Vec<MiniProgram>, Noted> {
    let more = more?;
    let known: Vec<&MiniProgram> = main.iter().chain(&more).collect();
    if known.len() > APPS_MAX {
        return Err(reader.problem(APPS_FILE, format!("holds more than {APPS_MAX} apps")));
    }
    for (at, app) in known.iter().enumerate() {
        if known.iter().take(at).any(|earlier| earlier.id == app.id) {
            return Err(reader.problem(APPS_FILE, format!("names the app {} twice", app.id)));
        }
    }
    let mut apps = vec![main?];
    apps.extend(more);
    Ok(apps)
}

fn token_issuer(reader: &Reader<'_>) -> Result<Issuer, Noted> {
    let Some(name) = reader.optional("WECHAT_TOKEN_ISSUER") else {
        return Ok(Issuer::default());
    };
    let what = "must be stable_token or token";
    Issuer::parse(&name).ok_or_else(|| reader.problem("WECHAT_TOKEN_ISSUER", what))
}

fn cloud_functions(reader: &Reader<'_>) -> Result<Vec<FunctionName>, Noted> {
    let names: Result<Vec<FunctionName>, _> = reader
        .list(CLOUD_FUNCTIONS)
        .into_iter()
        .map(FunctionName::parse)
        .collect();
    match names {
        Ok(names) if names.len() <= FUNCTIONS_MAX => Ok(names),
        Ok(_) => Err(reader.problem(
            CLOUD_FUNCTIONS,
            format!("names more than {FUNCTIONS_MAX} functions"),
        )),
        Err(_) => {
            let what = "must be names of 1 to 60 letters, digits, hyphens and underscores, comma separated";
            Err(reader.problem(CLOUD_FUNCTIONS, what))
        }
    }
}

fn main_app(reader: &Reader<'_>) -> Result<MiniProgram, Noted> {
    let id = reader.required("WECHAT_APP_ID");
    let secret = reader.required("WECHAT_APP_SECRET");
    let token = reader.optional("WECHAT_PUSH_TOKEN");
    let aes_key = reader.optional("WECHAT_PUSH_AES_KEY");
    let id = id.and_then(|id| {
        let what = "is not an AppID, such as wx and 16 hexadecimal digits";
        AppId::parse(id).map_err(|_| reader.problem("WECHAT_APP_ID", what))
    });
    let secret = secret.and_then(|secret| match secret_problem(&secret) {
        Some(problem) => Err(reader.problem("WECHAT_APP_SECRET", problem)),
        None => Ok(secret),
    });
    let push = push(token.map(Into::into), aes_key.map(Into::into), |part, problem| {
        let variable = match part {
            PushPart::Token => "WECHAT_PUSH_TOKEN",
            PushPart::AesKey => "WECHAT_PUSH_AES_KEY",
        };
        reader.problem(variable, problem)
    });
    Ok(MiniProgram {
        id: id?,
        secret: secret?.into(),
        push: push?,
    })
}

fn more_apps(reader: &Reader<'_>) -> Result<Vec<MiniProgram>, Noted> {
    if reader.optional(APPS_FILE).is_none() {
        return Ok(Vec::new());
    }
    let text = reader.file(APPS_FILE)?;
    let Ok(file) = toml::from_str::<AppsFile>(&text) else {
        // The parser's message quotes the line, which may hold a secret.
        let what =
            "names a file that is not TOML of [[app]] tables with id, secret, push_token, push_aes_key";
        return Err(reader.problem(APPS_FILE, what));
    };
    let apps: Vec<Result<MiniProgram, Noted>> = file
        .app
        .into_iter()
        .enumerate()
        .map(|(at, entry)| another_app(reader, at.saturating_add(1), entry))
        .collect();
    apps.into_iter().collect()
}

fn another_app(reader: &Reader<'_>, number: usize, entry: AppEntry) -> Result<MiniProgram, Noted> {
    let complain =
        |field: &str, what: &str| reader.problem(APPS_FILE, format!("app {number}: `{field}` {what}"));
    let id = AppId::parse(entry.id).map_err(|_| complain("id", "is not an AppID"));
    let secret = match secret_problem(entry.secret.expose_secret()) {
        Some(problem) => Err(complain("secret", problem)),
        None => Ok(entry.secret),
    };
    let push = push(entry.push_token, entry.push_aes_key, |part, problem| match part {
        PushPart::Token => complain("push_token", problem),
        PushPart::AesKey => complain("push_aes_key", problem),
    });
    Ok(MiniProgram {
        id: id?,
        secret: secret?,
        push: push?,
    })
}

/// WeChat gives secrets of 32 hexadecimal digits; what is much shorter is not one.
fn secret_problem(secret: &str) -> Option<&'static str> {
    if !(16..=128).contains(&secret.len()) || !secret.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Some("is not an AppSecret: 32 characters from WeChat's console");
    }
    secret::weakness(secret)
}

enum PushPart {
    Token,
    AesKey,
}

/// `None` means no push.
fn push(
    token: Option<SecretString>,
    aes_key: Option<SecretString>,
    complain: impl Fn(PushPart, &'static str) -> Noted,
) -> Result<Option<PushSettings>, Noted> {
    let Some(token) = token else {
        return match aes_key {
            Some(_) => Err(complain(PushPart::Token, "is required with the AES key")),
            None => Ok(None),
        };
    };
    let token_problem = push_token_problem(token.expose_secret());
    let aes_key_problem = aes_key
        .as_ref()
        .and_then(|key| push_aes_key_problem(key.expose_secret()));
    let token_noted = token_problem.map(|what| complain(PushPart::Token, what));
    let aes_key_noted = aes_key_problem.map(|what| complain(PushPart::AesKey, what));
    match token_noted.or(aes_key_noted) {
        Some(noted) => Err(noted),
        None => Ok(Some(PushSettings { token, aes_key })),
    }
}

fn push_token_problem(text: &str) -> Option<&'static str> {
    if !(3..=32).contains(&text.len()) || !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Some("must be 3 to 32 letters and digits");
    }
    // It is all that a push in plain mode is verified with.
    (text.len() < 8 || secret::weakness(text).is_some())
        .then_some("is too short or too simple: take 32 random letters and digits")
}

fn push_aes_key_problem(text: &str) -> Option<&'static str> {
    if text.len() != 43 || !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Some("must be the EncodingAESKey: 43 letters and digits");
    }
    secret::weakness(text)
}
