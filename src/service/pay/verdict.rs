//! Why a delivery was refused, for the person who has to mend it. The outside is told nothing of it.

use chrono::{DateTime, Utc};

use super::delivery::Delivery;
use super::recorder::Judgement;
use crate::service::Context;
use crate::wechat::pay::{Refusal, SignedMessage, TIME_WINDOW_S};

/// From how far on our clock is named as the cause, in seconds.
const SKEW_NAMED_S: u64 = 60;

/// Judges a refusal. `is_looked_into` allows for the checks that cost something.
pub(super) fn judge(
    context: &Context,
    delivery: &Delivery,
    refusal: &Refusal,
    is_looked_into: bool,
) -> Judgement {
    let clock_ahead_s = context.mini_programs.upstream.clock_skew_s();
    let judgement = |verdict, detail| Judgement {
        verdict,
        detail,
        clock_ahead_s,
    };
    if let Some(ahead_s) = clock_ahead_s.filter(|ahead_s| is_by_clock(refusal, *ahead_s)) {
        return judgement("clock_off", clock_off(ahead_s));
    }
    if *refusal == Refusal::SignatureWrong && is_looked_into && is_reserialised(context, delivery) {
        let detail = "The signature fits the same JSON written in another way: a proxy, a gateway or a framework in \
            front of this server reads the body and writes it again. Have it pass the bytes on unchanged.";
        return judgement("body_reserialised", detail.to_owned());
    }
    judgement(refusal.as_str(), format!("{refusal}: {}", cure(refusal)))
}

/// When a delivery arrived by WeChat's clock, as far as the difference was known.
pub(super) fn true_arrival(received_at: DateTime<Utc>, clock_ahead_s: Option<i64>) -> DateTime<Utc> {
    let ahead_s = clock_ahead_s
        .filter(|ahead_s| ahead_s.unsigned_abs() > SKEW_NAMED_S)
        .unwrap_or(0);
    chrono::TimeDelta::try_seconds(ahead_s)
        .and_then(|ahead| received_at.checked_sub_signed(ahead))
        .unwrap_or(received_at)
}

/// Whether the message would be in time by WeChat's clock.
fn is_by_clock(refusal: &Refusal, ahead_s: i64) -> bool {
    let age_s = match refusal {
        Refusal::Stale { age_s } => *age_s,
        Refusal::Future { ahead_s } => ahead_s.saturating_neg(),
        _ => return false,
    };
    ahead_s.unsigned_abs() > SKEW_NAMED_S
        && age_s.saturating_sub(ahead_s).unsigned_abs() <= TIME_WINDOW_S.unsigned_abs()
}

fn clock_off(ahead_s: i64) -> String {
    let side = if ahead_s > 0 { "ahead of" } else { "behind" };
    format!(
        "This machine's clock is {} s {side} WeChat's, by WeChat's last answer; by WeChat's clock the message was in \
        time. Set the clock (NTP); WeChat delivers again.",
        ahead_s.unsigned_abs()
    )
}

fn is_reserialised(context: &Context, delivery: &Delivery) -> bool {
    let message = SignedMessage::from_headers(&delivery.body, |name| delivery.values(name));
    context
        .merchant
        .as_ref()
        .is_some_and(|client| message.is_ok_and(|message| client.is_reserialised(&message)))
}

/// What helps.
fn cure(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::HeaderMissing(_) => "a stranger, or a proxy that does not pass the Wechatpay headers on.",
        Refusal::HeaderRepeated(_) => "a stranger, or a proxy that adds the header once more.",
        Refusal::HeaderMalformed(_) => "a stranger, or a proxy that changes the header.",
        Refusal::Stale { .. } | Refusal::Future { .. } => {
            "an old message sent again, or a clock that is off: compare `clock` on the health page."
        }
        Refusal::UnknownSerial => {
            "a stranger, or a key of WeChat Pay that is not known here yet. Certificates are looked for by themselves; \
            a public key must be set (WXPAY_PUBLIC_KEY_ID, WXPAY_PUBLIC_KEY_FILE). WeChat delivers again."
        }
        Refusal::CertificateExpired => {
            "WeChat Pay signs with newer ones by now. If it does not, this machine's clock is off."
        }
        Refusal::SignatureNotBase64 | Refusal::SignatureWrong => {
            "a stranger, or something on the way that changes the body."
        }
        Refusal::Probe => {
            "WeChat Pay tests whether signatures are checked. Nothing is to be done; the genuine one follows."
        }
        Refusal::NotJson => {
            "WeChat Pay signed something that is no notification. A change of the protocol: report it."
        }
        Refusal::UnsupportedAlgorithm => {
            "WeChat Pay seals in another way than AEAD_AES_256_GCM: look at the algorithm set in the merchant console."
        }
        Refusal::DecryptFailed => {
            "WeChat Pay signed it, so the APIv3 key set here is not the one in the merchant console, or it is for \
            another merchant. Set WXPAY_API_V3_KEY and restart; WeChat delivers again."
        }
        Refusal::PlaintextUnreadable { .. } | Refusal::RefundUnreadable { .. } => {
            "A change of the protocol: report it."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_clock_is_named_only_where_it_explains_the_refusal() {
        let stale = |age_s| Refusal::Stale { age_s };
        let future = |ahead_s| Refusal::Future { ahead_s };
        for (refusal, ahead_s, is_named) in [
            (stale(600), 600, true),
            (stale(600), 300, true),
            (stale(601), 300, false),
            (stale(600), 0, false),
            (stale(301), 1, false),
            (stale(600), -600, false),
            (stale(86_400), 600, false),
            (future(600), -600, true),
            (future(600), 600, false),
            (future(i64::MAX), i64::MIN, true),
            (stale(i64::MAX), i64::MIN + 1, false),
            (Refusal::UnknownSerial, 600, false),
        ] {
            assert_eq!(is_by_clock(&refusal, ahead_s), is_named, "{refusal:?} {ahead_s}");
        }
    }

    #[test]
    fn the_arrival_is_put_right_by_what_was_known() {
        let at = DateTime::from_timestamp(1_000_000, 0).unwrap();
        for (ahead_s, seconds) in [
            (None, 1_000_000),
            (Some(1), 1_000_000),
            (Some(600), 999_400),
            (Some(-600), 1_000_600),
            (Some(i64::MAX), 1_000_000),
        ] {
            assert_eq!(true_arrival(at, ahead_s).timestamp(), seconds, "{ahead_s:?}");
        }
    }
}
