//! The tokens that this process has seen alive, and its turnstiles.
//!
//! A token is believed for a few seconds without asking the database again. Nothing that matters lives
//! here: a token that was replaced meanwhile is refused by WeChat, and the row tells the new one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};

use crate::domain::access_token::{self, Issuer};
use crate::domain::name::AppId;
use crate::wechat::secret::AccessToken;

/// How long a token is believed without looking at its row.
const BELIEVED: TimeDelta = TimeDelta::seconds(3);

/// A token that works as far as is known.
#[derive(Clone, Debug)]
pub struct LiveToken {
    /// The token.
    pub token: AccessToken,
    /// Names it without showing it; another token of the same mini program has another number.
    pub number: i64,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
}

#[derive(Debug, Default)]
struct Place {
    /// The token, and when its row was looked at.
    live: Option<(LiveToken, DateTime<Utc>)>,
    turnstile: Arc<tokio::sync::Mutex<()>>,
}

/// What this process knows of access tokens. Bounded by the number of mini programs in the settings.
#[derive(Debug)]
pub struct AccessTokens {
    /// Which issuer tokens come from.
    pub issuer: Issuer,
    /// How this process is called in the history of refreshes.
    pub process: String,
    places: Mutex<HashMap<AppId, Place>>,
}

impl AccessTokens {
    /// Nothing seen yet.
    pub fn new(issuer: Issuer, process: String) -> Self {
        Self {
            issuer,
            process,
            places: Mutex::default(),
        }
    }

    /// The token seen last, if that was a moment ago and it still lives.
    pub(super) fn live(&self, app_id: &AppId, now: DateTime<Utc>) -> Option<LiveToken> {
        let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let (live, seen_at) = places.get(app_id)?.live.as_ref()?;
        let age = now.signed_duration_since(seen_at);
        // A negative age is a clock that was set back: not believed either.
        let is_fresh = age >= TimeDelta::zero() && age < BELIEVED;
        (is_fresh && access_token::is_alive(live.expires_at, now)).then(|| live.clone())
    }

    /// Remembers a token whose row was looked at then.
    pub(super) fn remember(&self, app_id: &AppId, live: LiveToken, seen_at: DateTime<Utc>) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.entry(app_id.clone()).or_default().live = Some((live, seen_at));
    }

    /// Forgets exactly this token.
    pub(super) fn forget(&self, app_id: &AppId, number: i64) {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = places.get_mut(app_id) {
            place.live = place.live.take().filter(|(live, _)| live.number != number);
        }
    }

    /// Where those who need another token stand in line: the first one asks, the rest find its answer.
    pub(super) fn turnstile(&self, app_id: &AppId) -> Arc<tokio::sync::Mutex<()>> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&places.entry(app_id.clone()).or_default().turnstile)
    }
}
