//! A field of a document: its keys with dots between them; a whole number is the place in an array,
//! from 0. There is no walk into all items of an array.

use super::{DEPTH_MAX, KEY_BYTES_MAX, Wrong};

/// A dotted field, such as `address.city`. 1 to 16 parts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Path(Vec<String>);

impl Path {
    /// Reads a dotted field.
    ///
    /// # Errors
    /// When a part is empty, too long or begins with `$`, or there are too many.
    pub fn parse(text: &str, pointer: &str) -> Result<Self, Wrong> {
        let parts: Vec<String> = text.split('.').take(DEPTH_MAX + 1).map(str::to_owned).collect();
        let is_part = |part: &String| {
            !part.is_empty() && part.len() <= KEY_BYTES_MAX && !part.starts_with('$') && !part.contains('\0')
        };
        if parts.len() <= DEPTH_MAX && parts.iter().all(is_part) {
            return Ok(Self(parts));
        }
        let detail = format!(
            "a field has 1 to {DEPTH_MAX} parts of 1 to {KEY_BYTES_MAX} bytes, with dots between them, none beginning with $"
        );
        Err(Wrong::new(pointer, "format", detail))
    }

    /// The keys.
    pub fn parts(&self) -> &[String] {
        &self.0
    }

    /// With dots, as it was sent.
    pub fn text(&self) -> String {
        self.0.join(".")
    }

    /// Whether one of the two holds the other, or is it.
    pub fn overlaps(&self, other: &Self) -> bool {
        self.0.starts_with(&other.0) || other.0.starts_with(&self.0)
    }
}
