//! Access tokens: `GET /cgi-bin/token` and `POST /cgi-bin/stable_token`, two issuers that do not know of each other.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::answer::{
    BODY_INVALID, GET_REQUIRED, GRANT_TYPE_INVALID, POST_REQUIRED, QUOTA_USED_UP, TOKEN_EXPIRED,
    TOKEN_INVALID, TOKEN_MISSING, TOO_FREQUENT, accepted, refused,
};
use super::authenticated;
use crate::simulator::call::{Call, Reply};
use crate::simulator::clock::china_day;
use crate::simulator::fault::Api;
use crate::simulator::record::Record;
use crate::simulator::state::Shared;
use crate::simulator::world::World;

const LIFE: TimeDelta = TimeDelta::seconds(7200);
/// A token of the plain issuer works on this long after a newer one came.
const GRACE: TimeDelta = TimeDelta::minutes(5);
/// The stable issuer renews by itself this long before the end.
const RENEWED_BEFORE: TimeDelta = TimeDelta::minutes(5);
const FORCED_GAP: TimeDelta = TimeDelta::seconds(30);
const FORCED_PER_DAY: u32 = 20;
const PLAIN_PER_DAY: u32 = 2_000;
const STABLE_PER_MINUTE: u32 = 10_000;
/// Dead tokens that are remembered, to tell an expired one from an invalid one.
const REMEMBERED: usize = 8;

/// The tokens of one mini program.
#[derive(Clone, Serialize, Deserialize)]
pub(in crate::simulator) struct AppTokens {
    pub(in crate::simulator) app_id: String,
    plain: Issuer,
    stable: Issuer,
    forced_at: Option<DateTime<Utc>>,
    forced: Quota,
    plain_calls: Quota,
    stable_calls: Quota,
}

/// Newest token last.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Issuer {
    tokens: Vec<Token>,
}

#[derive(Clone, Serialize, Deserialize)]
struct Token {
    value: String,
    /// What its owner was told.
    expires_at: DateTime<Utc>,
    /// When it stops working, before or at that time.
    dies_at: DateTime<Utc>,
}

/// Calls counted within a day or a minute.
#[derive(Clone, Default, Serialize, Deserialize)]
pub(in crate::simulator) struct Quota {
    period: i64,
    used: u32,
}

impl Quota {
    /// Counts one call; false when there is none left in this period.
    pub(in crate::simulator) fn take(&mut self, period: i64, most: u32) -> bool {
        if self.period != period {
            *self = Self { period, used: 0 };
        }
        let is_left = self.used < most;
        self.used = self.used.saturating_add(u32::from(is_left));
        is_left
    }
}

impl Issuer {
    fn current(&self, now: DateTime<Utc>) -> Option<&Token> {
        self.tokens.last().filter(|token| token.dies_at > now)
    }

    /// Issues a token; the one before dies after `grace` at the latest.
    fn issue(&mut self, value: String, grace: TimeDelta, now: DateTime<Utc>) {
        for token in &mut self.tokens {
            token.dies_at = token.dies_at.min(now + grace);
        }
        if self.tokens.len() >= REMEMBERED {
            self.tokens.remove(0);
        }
        self.tokens.push(Token {
            value,
            expires_at: now + LIFE,
            dies_at: now + LIFE,
        });
    }
}

impl AppTokens {
    pub(in crate::simulator) fn new(app_id: &str) -> Self {
        Self {
            app_id: app_id.to_owned(),
            plain: Issuer::default(),
            stable: Issuer::default(),
            forced_at: None,
            forced: Quota::default(),
            plain_calls: Quota::default(),
            stable_calls: Quota::default(),
        }
    }

    /// Every token that is remembered: issuer, value, whether it still works.
    pub(in crate::simulator) fn known(&self, now: DateTime<Utc>) -> Vec<(&'static str, String, bool)> {
        let of = |name, issuer: &Issuer| -> Vec<(&'static str, String, bool)> {
            let tokens = issuer.tokens.iter();
            tokens
                .map(|token| (name, token.value.clone(), token.dies_at > now))
                .collect()
        };
        [of("token", &self.plain), of("stable_token", &self.stable)].concat()
    }

    fn find(&self, value: &str) -> Option<&Token> {
        self.plain
            .tokens
            .iter()
            .chain(&self.stable.tokens)
            .find(|token| token.value == value)
    }

    fn plain(&mut self, world: &mut World, now: DateTime<Utc>) -> Result<Value, i64> {
        if !self.plain_calls.take(china_day(now), PLAIN_PER_DAY) {
            return Err(QUOTA_USED_UP);
        }
        self.plain.issue(make_value(world), GRACE, now);
        Ok(answer(&self.plain, now))
    }

    fn stable(&mut self, world: &mut World, is_forced: bool, now: DateTime<Utc>) -> Result<Value, i64> {
        if !self
            .stable_calls
            .take(now.timestamp().div_euclid(60), STABLE_PER_MINUTE)
        {
            return Err(TOO_FREQUENT);
        }
        if is_forced {
            if self.forced_at.is_some_and(|last| now - last < FORCED_GAP) {
                return Err(TOO_FREQUENT);
            }
            if !self.forced.take(china_day(now), FORCED_PER_DAY) {
                return Err(QUOTA_USED_UP);
            }
            self.forced_at = Some(now);
            self.stable.issue(make_value(world), TimeDelta::zero(), now);
        } else if self
            .stable
            .current(now)
            .is_none_or(|token| token.expires_at - now <= RENEWED_BEFORE)
        {
            self.stable.issue(make_value(world), RENEWED_BEFORE, now);
        }
        Ok(answer(&self.stable, now))
    }
}

fn answer(issuer: &Issuer, now: DateTime<Utc>) -> Value {
    let (value, expires_in) = issuer.current(now).map_or(("", 0), |token| {
        (token.value.as_str(), (token.expires_at - now).num_seconds())
    });
    json!({ "access_token": value, "expires_in": expires_in })
}

fn make_value(world: &mut World) -> String {
    let chars = world.rules().access_token_chars.saturating_sub(3);
    format!(
        "{}_{}",
        60 + world.entropy.bytes::<1>()[0] % 30,
        world.entropy.text(chars)
    )
}

/// Answers `GET /cgi-bin/token`.
pub(in crate::simulator) fn handle_plain(shared: &Shared, call: &Call) -> Reply {
    issue_plain(shared, call).unwrap_or_else(|errcode| refused(shared, Api::Token, errcode))
}

fn issue_plain(shared: &Shared, call: &Call) -> Result<Reply, i64> {
    if call.method != "GET" {
        return Err(GET_REQUIRED);
    }
    let app = authenticated(
        shared,
        call.parameter("appid").as_deref(),
        call.parameter("secret").as_deref(),
    )?;
    if call.parameter("grant_type").as_deref() != Some("client_credential") {
        return Err(GRANT_TYPE_INVALID);
    }
    let body = issue(shared, &app.app_id, AppTokens::plain)?;
    Ok(accepted(Api::Token, &body))
}

/// Answers `POST /cgi-bin/stable_token`.
pub(in crate::simulator) fn handle_stable(shared: &Shared, call: &Call) -> Reply {
    issue_stable(shared, call).unwrap_or_else(|errcode| refused(shared, Api::StableToken, errcode))
}

/// The body of a request for a stable token.
#[derive(Deserialize)]
struct StableRequest {
    grant_type: Option<String>,
    appid: Option<String>,
    secret: Option<String>,
    #[serde(default)]
    force_refresh: bool,
}

fn issue_stable(shared: &Shared, call: &Call) -> Result<Reply, i64> {
    if call.method != "POST" {
        return Err(POST_REQUIRED);
    }
    let request: StableRequest = serde_json::from_slice(&call.body).map_err(|_| BODY_INVALID)?;
    let app = authenticated(shared, request.appid.as_deref(), request.secret.as_deref())?;
    if request.grant_type.as_deref() != Some("client_credential") {
        return Err(GRANT_TYPE_INVALID);
    }
    let is_forced = request.force_refresh;
    let body = issue(shared, &app.app_id, |tokens, world, now| {
        tokens.stable(world, is_forced, now)
    })?;
    Ok(accepted(Api::StableToken, &body))
}

/// Changes the tokens of an app and remembers them, counted calls included.
fn issue<T>(
    shared: &Shared,
    app_id: &str,
    change: impl FnOnce(&mut AppTokens, &mut World, DateTime<Utc>) -> T,
) -> T {
    shared.step(|world, now| {
        let mut tokens = world.tokens(app_id);
        let outcome = change(&mut tokens, world, now);
        world.put(Record::Tokens(tokens));
        outcome
    })
}

/// Somebody else fetches tokens from both issuers: whatever was handed out before is dead at once.
pub(in crate::simulator) fn displace(shared: &Shared, app_id: &str) {
    issue(shared, app_id, |tokens, world, now| {
        tokens.plain.issue(make_value(world), TimeDelta::zero(), now);
        tokens.stable.issue(make_value(world), TimeDelta::zero(), now);
    });
}

/// Displaces the tokens of the app that a request for a token named.
pub(in crate::simulator) fn displace_asked(shared: &Shared, call: &Call) {
    let asked = call.parameter("appid").or_else(|| {
        serde_json::from_slice::<StableRequest>(&call.body)
            .ok()
            .and_then(|request| request.appid)
    });
    if let Some(app) = asked.as_deref().and_then(|app_id| shared.app(Some(app_id))) {
        displace(shared, &app.app_id);
    }
}

/// Whose token stands in the query of a call, or the errcode of what is wrong with it.
pub(super) fn owner(shared: &Shared, call: &Call) -> Result<String, i64> {
    let value = call
        .parameter("access_token")
        .filter(|value| !value.is_empty())
        .ok_or(TOKEN_MISSING)?;
    shared.step(|world, now| {
        let (app_id, token) = world
            .all_tokens()
            .find_map(|tokens| tokens.find(&value).map(|token| (&tokens.app_id, token)))
            .ok_or(TOKEN_INVALID)?;
        if token.expires_at <= now {
            Err(TOKEN_EXPIRED)
        } else if token.dies_at <= now {
            Err(TOKEN_INVALID)
        } else {
            Ok(app_id.clone())
        }
    })
}
