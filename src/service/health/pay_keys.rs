//! The keys that WeChat Pay's messages are believed and opened with.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{Check, Recorded, Status};
use crate::store;
use crate::store::database::Database;
use crate::store::recorder::UnknownSerial;
use crate::wechat::pay::{Client, KeyKind, KeyStatus, PUBLIC_KEY_ID_PREFIX, Trouble};

/// A certificate that ends within so many days, with no key beside it, is a warning.
const DAYS_LEFT_WARN: i64 = 30;
/// Certificates are done with when nothing was signed by one for so long. WeChat Pay moves a merchant's
/// notices over in steps, within about seven days.
const QUIET_BEFORE_SWITCH: TimeDelta = TimeDelta::days(3);

/// How many keys are shown of those that refused notifications named.
const UNKNOWN_SERIALS_SHOWN: i64 = 3;
/// What follows the rest when one of them is a public key and none is set here. Anybody can name one, so that it
/// is no status.
const PUBLIC_KEY_NAMED: &str = "; a refused notification names a public key, as `unknown_serials_24h` shows: if that \
    is the id in the merchant console, set WXPAY_PUBLIC_KEY_ID and WXPAY_PUBLIC_KEY_FILE and restart";

/// What an APIv3 key that does not fit does.
pub(super) const NOT_OPENING: &str = "the APIv3 key does not open WeChat's messages, which are rightly signed: set WXPAY_API_V3_KEY \
    to the one in the merchant console and restart; what was refused meanwhile comes again";

/// When each key last signed a notification, by its name; nothing where the database is away.
type Serials<'a> = Option<&'a BTreeMap<String, DateTime<Utc>>>;

/// The keys that refused notifications named since then and that were not known.
pub(super) async fn unknown_serials(
    db: &Database,
    since: DateTime<Utc>,
) -> Result<Vec<UnknownSerial>, store::Error> {
    store::recorder::unknown_serials(db, since, PUBLIC_KEY_ID_PREFIX, UNKNOWN_SERIALS_SHOWN).await
}

pub(super) fn check(merchant: Option<&Client>, recorded: Option<&Recorded>, now: DateTime<Utc>) -> Check {
    let Some(merchant) = merchant else {
        return Check::ok("payment is not set up");
    };
    let keys = merchant.keys();
    let serials = recorded.map(|recorded| &recorded.serials);
    let unknown = recorded.map_or(&[][..], |recorded| &recorded.unknown_serials);
    let opening = merchant.opening();
    let is_opened = opening.is_working();
    let troubles = merchant.troubles();
    let mut check = match (is_opened, troubles.first()) {
        (Some(false), _) => Check::new(Status::Degraded, NOT_OPENING),
        (Some(true) | None, Some((api, trouble, _))) => refused(api, trouble),
        (Some(true) | None, None) => standing(&keys),
    };
    let has_public_key = keys.iter().any(|key| key.kind == KeyKind::PublicKey);
    if !has_public_key
        && unknown
            .iter()
            .any(|key| kind_of(&key.serial) == KeyKind::PublicKey)
    {
        check.detail.push_str(PUBLIC_KEY_NAMED);
    }
    let count = |kind| -> u64 {
        let of_kind = keys.iter().filter(|key| key.kind == kind);
        of_kind.map(|key| key.verified).sum()
    };
    let figures: Vec<Value> = keys.iter().map(|key| key_figure(key, serials)).collect();
    let unknown: Vec<Value> = unknown.iter().map(unknown_figure).collect();
    let last = |kind| last_used(kind, &keys, serials);
    check
        .figure("keys", figures)
        .figure("verified_by_certificate", count(KeyKind::Certificate))
        .figure("verified_by_public_key", count(KeyKind::PublicKey))
        .figure("last_certificate_at", json!(last(KeyKind::Certificate)))
        .figure("last_public_key_at", json!(last(KeyKind::PublicKey)))
        .figure("safe_to_switch", is_safe_to_switch(&keys, serials, now))
        .figure("is_api_v3_key_working", json!(is_opened))
        .figure("unknown_serials_24h", unknown)
        .figure(
            "troubles",
            troubles.iter().map(trouble_figure).collect::<Vec<_>>(),
        )
}

/// What WeChat Pay refuses, or what it answers and is not believed, and the settings to look at.
pub(super) fn refused(api: &str, trouble: &Trouble) -> Check {
    let code = trouble.as_str();
    let (what, cure) = match trouble {
        Trouble::Signature => (
            "WeChat Pay does not believe our signature",
            "WXPAY_PRIVATE_KEY_FILE must be the key of the certificate WXPAY_CERT_SERIAL of the merchant WXPAY_MCH_ID, and the \
            clock right",
        ),
        Trouble::Merchant => (
            "WeChat Pay does not know the merchant",
            "WXPAY_MCH_ID must be the number in the merchant console",
        ),
        Trouble::Permission => (
            "WeChat Pay does not let this merchant make the call",
            "enable the product in the merchant console; WXPAY_MCH_ID must be the merchant of the payments",
        ),
        Trouble::Binding => (
            "the mini program is not bound to the merchant",
            "bind WECHAT_APP_ID, and each of WECHAT_APPS_FILE, to WXPAY_MCH_ID in the merchant console",
        ),
        Trouble::Unverified(_) => (
            "WeChat Pay's answers cannot be verified",
            "WXPAY_PUBLIC_KEY_ID and WXPAY_PUBLIC_KEY_FILE must be those in the merchant console, and nothing may change an \
            answer on its way",
        ),
    };
    Check::new(Status::Degraded, format!("{what} ({code} at {api}): {cure}"))
}

pub(super) fn standing(keys: &[KeyStatus]) -> Check {
    let has_public_key = keys.iter().any(|key| key.kind == KeyKind::PublicKey);
    let days_left = keys.iter().filter_map(|key| key.days_left).max();
    match (has_public_key, days_left) {
        (false, None) => Check::new(
            Status::Degraded,
            "no key of WeChat Pay yet: certificates are still to be downloaded",
        ),
        (false, Some(days)) if days < 0 => Check::new(
            Status::Degraded,
            "every platform certificate has ended and no newer one has come: nothing that WeChat Pay signs is believed",
        ),
        (false, Some(days)) if days < DAYS_LEFT_WARN => Check::new(
            Status::Degraded,
            "the newest platform certificate ends soon and no newer one has come",
        ),
        (false, Some(_)) => Check::ok("platform certificates"),
        (true, None) => Check::ok("public key"),
        (true, Some(_)) => Check::ok("public key and platform certificates side by side"),
    }
}

/// Whether certificates are done with: the public key is set and used, and nothing that is known was
/// signed by a certificate for a while.
fn is_safe_to_switch(keys: &[KeyStatus], serials: Serials<'_>, now: DateTime<Utc>) -> bool {
    let since = now - QUIET_BEFORE_SWITCH;
    let is_set = keys.iter().any(|key| key.kind == KeyKind::PublicKey);
    let is_recent = |at: &DateTime<Utc>| *at > since;
    let signs_notices = serials.is_some_and(|serials| {
        serials
            .iter()
            .any(|(serial, at)| kind_of(serial) == KeyKind::PublicKey && is_recent(at))
    });
    is_set
        && signs_notices
        && !last_used(KeyKind::Certificate, keys, serials).is_some_and(|at| is_recent(&at))
}

/// When a key of a kind was last used: by a notification at any server, or by an answer at this one.
fn last_used(kind: KeyKind, keys: &[KeyStatus], serials: Serials<'_>) -> Option<DateTime<Utc>> {
    let here = keys
        .iter()
        .filter(|key| key.kind == kind)
        .filter_map(|key| key.last_used_at);
    let everywhere = serials
        .into_iter()
        .flatten()
        .filter(|(serial, _)| kind_of(serial) == kind)
        .map(|(_, at)| *at);
    here.chain(everywhere).max()
}

fn kind_of(serial: &str) -> KeyKind {
    if serial.starts_with(PUBLIC_KEY_ID_PREFIX) {
        KeyKind::PublicKey
    } else {
        KeyKind::Certificate
    }
}

fn key_figure(key: &KeyStatus, serials: Serials<'_>) -> Value {
    let kind = match key.kind {
        KeyKind::Certificate => "certificate",
        KeyKind::PublicKey => "public_key",
    };
    let notified_at = serials.and_then(|serials| serials.get(key.serial.as_str()).copied());
    json!({
        "kind": kind,
        "serial": key.serial,
        "not_before": key.not_before,
        "not_after": key.not_after,
        "days_left": key.days_left,
        "verified": key.verified,
        "last_used_at": key.last_used_at.max(notified_at),
    })
}

fn trouble_figure((api, trouble, at): &(&'static str, Trouble, DateTime<Utc>)) -> Value {
    json!({"api": api, "code": trouble.as_str(), "at": at})
}

fn unknown_figure(key: &UnknownSerial) -> Value {
    json!({"serial": key.serial, "count": key.count, "newest_at": key.newest_at})
}
