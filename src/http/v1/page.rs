//! Pages of lists: `limit`, an opaque `cursor`, and the form of the answer.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use crate::error::AppError;

const LIMIT_DEFAULT: u32 = 20;
/// The longest page.
pub const LIMIT_MAX: u32 = 100;
/// The longest cursor that is looked at. Ours are under 200 characters.
const CURSOR_CHARS_MAX: usize = 512;

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// The entries.
    pub items: Vec<T>,
    /// What to send as `cursor` for the next page; null on the last.
    #[schema(required = true)]
    pub next_cursor: Option<String>,
}

/// The number of entries wanted: 1 to 100, 20 when it is not said.
pub fn limit(limit: Option<u32>) -> Result<u32, AppError> {
    let limit = limit.unwrap_or(LIMIT_DEFAULT);
    if (1..=LIMIT_MAX).contains(&limit) {
        Ok(limit)
    } else {
        Err(AppError::field("limit", "range", "1 to 100"))
    }
}

/// Makes a cursor of a position.
pub fn cursor<T: Serialize>(position: &T) -> Result<String, AppError> {
    Ok(URL_SAFE_NO_PAD.encode(serde_json::to_vec(position).map_err(AppError::internal)?))
}

/// Reads a cursor of ours back.
pub fn position<T: DeserializeOwned>(cursor: Option<&str>) -> Result<Option<T>, AppError> {
    let invalid = || AppError::field("cursor", "format", "not a cursor of this list");
    cursor
        .map(|text| {
            if text.len() > CURSOR_CHARS_MAX {
                return Err(invalid());
            }
            let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| invalid())?;
            serde_json::from_slice(&bytes).map_err(|_| invalid())
        })
        .transpose()
}
