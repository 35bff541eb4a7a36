//! Judging secrets: how long, how varied, and whether everybody knows them already.

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use secrecy::{ExposeSecret as _, SecretBox};

use super::reader::{Noted, Reader};

const CONFIG: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);
const STANDARD: GeneralPurpose = GeneralPurpose::new(&alphabet::STANDARD, CONFIG);
const URL_SAFE: GeneralPurpose = GeneralPurpose::new(&alphabet::URL_SAFE, CONFIG);

/// Words that stand where a secret should be. A value of which little else is left is refused.
const PLACEHOLDERS: [&str; 22] = [
    "changeme",
    "change-me",
    "change_me",
    "replaceme",
    "replace-me",
    "replace_me",
    "placeholder",
    "password",
    "passw0rd",
    "secret",
    "example",
    "sample",
    "default",
    "insecure",
    "token",
    "admin",
    "internal",
    "test",
    "weir",
    "your",
    "demo",
    "key",
];

/// Runs that fingers type.
const RUNS: [&str; 5] = [
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "1234567890123456789012345678901234567890123456789012345678901234",
    "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijkl",
    "qwertyuiopasdfghjklzxcvbnmqwertyuiopasdfghjklzxcvbnmqwertyuiopas",
    "abcdefghijklmnopqrstuvwxyz012345abcdefghijklmnopqrstuvwxyz012345",
];

/// Fewer different characters than this are no secret, whatever the length. Sixteen random
/// hexadecimal digits have ten on average.
const DISTINCT_MIN: usize = 6;

/// Why a text is no secret, or `None` when it may be one.
pub(super) fn weakness(text: &str) -> Option<&'static str> {
    let folded = text.to_ascii_lowercase();
    if distinct(folded.as_bytes()) < DISTINCT_MIN || repeats(folded.as_bytes()) {
        return Some("is too simple: take random characters");
    }
    if RUNS
        .iter()
        .any(|run| run.starts_with(&folded) || folded.starts_with(run))
    {
        return Some("is a known sample: take random characters");
    }
    let mut rest = folded.clone();
    for word in PLACEHOLDERS {
        rest = rest.replace(word, "");
    }
    let left = rest.bytes().filter(u8::is_ascii_alphanumeric).count();
    if left.saturating_mul(2) < folded.len() && rest.len() < folded.len() {
        return Some("is a known sample: take random characters");
    }
    None
}

fn distinct(bytes: &[u8]) -> usize {
    let mut sorted = bytes.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    sorted.len()
}

/// Whether the whole is one short piece over and over.
fn repeats(bytes: &[u8]) -> bool {
    (1..=bytes.len() / 2).any(|period| {
        bytes
            .iter()
            .zip(bytes.iter().skip(period))
            .all(|(left, right)| left == right)
    })
}

/// Bytes of standard or URL-safe base64, with or without padding.
pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text)).ok()
}

/// Reads a list of base64 keys, each of at least `min` bytes, or exactly `min` when `is_exact`.
pub(super) fn keys(
    reader: &Reader<'_>,
    variable: &'static str,
    min: usize,
    is_exact: bool,
) -> Result<Vec<SecretBox<Vec<u8>>>, Noted> {
    reader.required(variable)?;
    let mut keys: Vec<SecretBox<Vec<u8>>> = Vec::new();
    let mut is_sound = true;
    for (at, text) in reader.list(variable).iter().enumerate() {
        let problem = match decode(text) {
            None => Some("is not base64"),
            Some(bytes) if bytes.len() < min || (is_exact && bytes.len() != min) => Some(if is_exact {
                "has the wrong length"
            } else {
                "is too short"
            }),
            Some(bytes) if distinct(&bytes) < 12 || repeats(&bytes) || weakness(text).is_some() => {
                Some("is too simple: take random bytes")
            }
            Some(bytes) if keys.iter().any(|key| *key.expose_secret() == bytes) => Some("is there twice"),
            Some(bytes) => {
                keys.push(SecretBox::new(Box::new(bytes)));
                None
            }
        };
        if let Some(problem) = problem {
            is_sound = false;
            let bound = if is_exact { "exactly" } else { "at least" };
            reader.problem(
                variable,
                format!(
                    "key {} {problem} ({bound} {min} bytes as base64: `openssl rand -base64 {min}`)",
                    at.saturating_add(1)
                ),
            );
        }
    }
    if keys.is_empty() && is_sound {
        return Err(reader.problem(variable, "holds no key"));
    }
    if is_sound { Ok(keys) } else { Err(Noted) }
}

/// The secrets that the operator makes for this server.
const OWN: [&str; 5] = [
    "SESSION_JWT_KEYS",
    "DATA_KEYS",
    "ADMIN_TOKEN",
    "INTERNAL_TOKEN",
    "EVENTS_WEBHOOK_SECRET",
];

/// A secret has one purpose: whoever learns the one must not have the other.
pub(super) fn refuse_shared(reader: &Reader<'_>) {
    let mut before: Vec<(&'static str, Vec<SecretBox<Vec<u8>>>)> = Vec::new();
    for variable in OWN {
        let own: Vec<_> = reader.list(variable).iter().map(|text| meant(text)).collect();
        let is_own = |other: &SecretBox<Vec<u8>>| {
            own.iter()
                .any(|secret| secret.expose_secret() == other.expose_secret())
        };
        for (other, secrets) in &before {
            if secrets.iter().any(is_own) {
                reader.problem(
                    variable,
                    format!("holds the same secret as {other}; each has one purpose"),
                );
            }
        }
        before.push((variable, own));
    }
}

/// What a text stands for, so that one secret in two spellings is found: a token is a text, a key the bytes of one.
fn meant(text: &str) -> SecretBox<Vec<u8>> {
    let text = text.strip_prefix("whsec_").unwrap_or(text);
    SecretBox::new(Box::new(decode(text).unwrap_or_else(|| text.into())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_everybody_knows_is_refused() {
        for sample in [
            "changeme",
            "change-me-to-a-secret-token",
            "aaaaaaaaaaaaaaaaaaaaaaaaaaaa",
            "your-admin-token-change-me",
            "0123456789abcdef0123456789abcdef",
            "abcabcabcabcabcabcabcabcabcabc",
            "weir-admin-token-example-123",
            "abcdefghijklmnopqrstuvwxyz",
            "SecretSecretSecretSecret",
            "12345678901234567890123456789012",
        ] {
            assert!(weakness(sample).is_some(), "{sample}");
        }
        for random in [
            "q8Zr4mXc7VtB2nKd9WfH3sLp",
            "9f86d081884c7d659a2feaa0c55ad015",
            "correct-horse-battery-staple",
        ] {
            assert_eq!(weakness(random), None, "{random}");
        }
    }

    #[test]
    fn base64_comes_in_four_shapes() {
        for text in ["+/+/AA==", "-_-_AA==", "+/+/AA", "-_-_AA"] {
            assert_eq!(decode(text).unwrap(), [0xfb, 0xff, 0xbf, 0x00], "{text}");
        }
        assert_eq!(decode("no base64!"), None);
    }
}
