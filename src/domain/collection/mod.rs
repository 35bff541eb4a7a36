//! Collections: documents that pages store, and the language in which they ask for them. All of it is
//! pure: what comes in is checked and becomes a value that the store turns into one statement.
//!
//! The meaning of the values is that of the SQL function `document_key`: one total order of all JSON values
//! by kind (nothing and null, numbers, texts, objects, arrays, truth values) and then by value. A field that
//! is not there counts as null, but for `$exists`. Numbers are never floats.

pub mod access;
pub mod bound;
pub mod declaration;
pub mod filter;
pub mod json;
pub mod patch;
pub mod path;
pub mod query;
pub mod schema;

use std::borrow::Cow;

/// The longest document, in bytes as it is answered; the database checks it.
pub const DOCUMENT_BYTES_MAX: usize = 262_144;
/// The deepest nesting; the document itself is level 1.
pub const DEPTH_MAX: usize = 16;
/// The most documents made by one request.
pub const DOCUMENTS_MAX: usize = 100;
/// The most documents of a user in a collection; the database checks it.
pub const USER_DOCUMENTS_MAX: u32 = 10_000;
/// The most documents of a collection, by PostgreSQL's estimate.
pub const COLLECTION_DOCUMENTS_MAX: i64 = 10_000_000;
/// A collection of more documents than this, by PostgreSQL's estimate, is asked by an index alone.
pub const SCANNED_MAX: i64 = 10_000;
/// The longest field name, in bytes.
pub const KEY_BYTES_MAX: usize = 128;
/// The longest text that is compared by `$gt`, `$gte`, `$lt`, `$lte` and `$prefix`, in characters.
pub const RANGE_TEXT_CHARS_MAX: usize = 256;

/// What is wrong with something that was sent, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{pointer} {detail}")]
pub struct Wrong {
    /// JSON Pointer (RFC 6901) into the body.
    pub pointer: String,
    /// A stable word, such as `range`.
    pub code: &'static str,
    /// A sentence for the developer.
    pub detail: Cow<'static, str>,
}

impl Wrong {
    /// Says what is wrong at `pointer`.
    pub fn new(pointer: impl Into<String>, code: &'static str, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            pointer: pointer.into(),
            code,
            detail: detail.into(),
        }
    }
}

/// The pointer of a member or an item below `pointer`, escaped after RFC 6901.
pub fn below(pointer: &str, token: &str) -> String {
    format!("{pointer}/{}", token.replace('~', "~0").replace('/', "~1"))
}
