//! JSON as WeChat sends it, read without copying where it can be.

use std::borrow::Cow;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use serde_json::Number;

/// A text of the document it was read from; copied only if it held an escape. (`Option<Cow<str>>`
/// itself would always copy.)
#[derive(Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

impl Text<'_> {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// One value as WeChat's gateways may write it: a number as text, or a text as a number.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Loose {
    Flag(bool),
    Number(Number),
    Text(String),
}

/// What one value can be read as, however it is written.
pub(super) trait OfLoose: Default {
    fn of(value: Loose) -> Option<Self>;
}

impl OfLoose for i64 {
    fn of(value: Loose) -> Option<Self> {
        match value {
            Loose::Number(number) => number.as_i64(),
            Loose::Text(text) => text.trim().parse().ok(),
            Loose::Flag(_) => None,
        }
    }
}

impl OfLoose for bool {
    fn of(value: Loose) -> Option<Self> {
        match value {
            Loose::Flag(flag) => Some(flag),
            Loose::Text(text) => text.trim().parse().ok(),
            Loose::Number(_) => None,
        }
    }
}

impl OfLoose for String {
    fn of(value: Loose) -> Option<Self> {
        match value {
            Loose::Text(text) => Some(text),
            Loose::Number(number) => Some(number.to_string()),
            Loose::Flag(_) => None,
        }
    }
}

impl<T: OfLoose> OfLoose for Option<T> {
    fn of(value: Loose) -> Option<Self> {
        T::of(value).map(Some)
    }
}

/// Reads a number, a word or a flag however it is written; `null` is its default, as if it were not there.
pub(super) fn loose<'de, D: Deserializer<'de>, T: OfLoose>(from: D) -> Result<T, D::Error> {
    match Option::<Loose>::deserialize(from)? {
        Some(value) => T::of(value).ok_or_else(|| D::Error::custom("not what WeChat promises")),
        None => Ok(T::default()),
    }
}

/// Reads a list whose `null` is an empty one.
pub(super) fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    Ok(Option::<Vec<T>>::deserialize(from)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Debug, PartialEq, Eq, Deserialize)]
    struct Wire {
        #[serde(default, deserialize_with = "loose")]
        number: i64,
        #[serde(default, deserialize_with = "loose")]
        perhaps: Option<i64>,
        #[serde(default, deserialize_with = "loose")]
        text: String,
        #[serde(default, deserialize_with = "loose")]
        flag: bool,
        #[serde(default, deserialize_with = "list")]
        list: Vec<u8>,
    }

    fn wire(value: serde_json::Value) -> Option<Wire> {
        serde_json::from_value(value).ok()
    }

    #[test]
    fn numbers_and_texts_are_read_alike_and_null_is_what_is_not_there() {
        let written = json!({"number": 7, "perhaps": -1, "text": "12", "flag": true, "list": [1]});
        let otherwise = json!({"number": "7", "perhaps": "-1", "text": 12, "flag": "true", "list": [1]});
        assert_eq!(wire(written.clone()).unwrap().perhaps, Some(-1));
        assert_eq!(wire(written), wire(otherwise));
        let null = json!({"number": null, "perhaps": null, "text": null, "flag": null, "list": null});
        let nothing = wire(json!({})).unwrap();
        assert_eq!(
            (
                &nothing.number,
                &nothing.perhaps,
                &*nothing.text,
                &nothing.flag,
                nothing.list.len()
            ),
            (&0, &None, "", &false, 0)
        );
        assert_eq!(wire(null).unwrap(), nothing);
        assert_eq!(
            wire(json!({"text": u64::MAX})).unwrap().text,
            "18446744073709551615"
        );
    }

    #[test]
    fn what_is_neither_is_no_answer() {
        for wrong in [
            json!({"number": "seven"}),
            json!({"number": ""}),
            json!({"number": 7.5}),
            json!({"number": true}),
            json!({"number": u64::MAX}),
            json!({"perhaps": [7]}),
            json!({"text": {"a": 1}}),
            json!({"text": false}),
            json!({"flag": 1}),
            json!({"list": {}}),
        ] {
            assert_eq!(wire(wrong.clone()), None, "{wrong}");
        }
    }
}
