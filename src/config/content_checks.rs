//! `CONTENT_CHECKS`

use super::{Noted, Reader};

const NAME: &str = "CONTENT_CHECKS";

/// What WeChat is asked about before it is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ContentCheckSettings {
    /// Names in profiles.
    pub has_profile: bool,
    /// Notes of orders.
    pub has_order_note: bool,
}

impl ContentCheckSettings {
    /// Reads the section.
    pub fn read(reader: &Reader<'_>) -> Result<Self, Noted> {
        let mut read = Self::default();
        for word in reader.list(NAME) {
            match word.as_str() {
                "profile" => read.has_profile = true,
                "order_note" => read.has_order_note = true,
                _ => return Err(reader.problem(NAME, "must be of profile and order_note, comma separated")),
            }
        }
        Ok(read)
    }
}
