//! JSON as WeChat sends it, read without copying where it can be.

use std::borrow::Cow;

use serde::Deserialize;

/// A text of the document it was read from; copied only if it held an escape. (`Option<Cow<str>>`
/// itself would always copy.)
#[derive(Deserialize)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

impl Text<'_> {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}
