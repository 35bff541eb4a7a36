//! Pictures: told by content, bounded, and rid of everything that does not show them.
//!
//! A picture is read piece by piece as its format orders them and written again from the pieces that
//! are needed to show it: a list of what stays, not of what goes, so that a place, a name or a text
//! cannot hide in a piece that nobody thought of. What stands behind the end of the picture is left
//! out as well. Pixels stay as they are and are never unpacked, so a small file that unpacks to
//! gigabytes costs nothing here; for those who show it the sizes are bounded.
//!
//! Sources: ITU-T T.81, JFIF 1.02, PNG 3rd edition, `GIF89a`, RFC 9649, Exif 2.32.

mod bound;
mod exif;
mod gif;
mod jpeg;
mod png;
mod reader;
mod webp;

pub use bound::{FRAME_PIXELS_MAX, FRAMES_MAX, PIXELS_MAX, PROFILE_BYTES_MAX, SCANS_MAX, SIDE_MAX};

use crate::domain::file::PictureKind;

/// A picture as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// What it is.
    pub kind: PictureKind,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// The whole file.
    pub bytes: Vec<u8>,
}

/// Why something is not a picture that is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PictureError {
    /// Its first bytes are those of no known kind.
    #[error("not a JPEG, PNG, GIF or WebP picture")]
    Unknown,
    /// It does not follow its format.
    #[error("the picture is broken: {0}")]
    Broken(&'static str),
    /// It would take too much memory or time to be shown.
    #[error("the picture is too large: {0}")]
    TooLarge(&'static str),
}

/// Tells the kind by the first bytes.
pub fn kind(bytes: &[u8]) -> Option<PictureKind> {
    match bytes {
        [0xff, 0xd8, 0xff, ..] => Some(PictureKind::Jpeg),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some(PictureKind::Png),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some(PictureKind::Gif),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some(PictureKind::Webp),
        _ => None,
    }
}

/// Reads a picture and gives it without anything that does not show it; which way is up stays.
///
/// # Errors
/// See [`PictureError`].
pub fn clean(bytes: &[u8]) -> Result<Picture, PictureError> {
    let kind = kind(bytes).ok_or(PictureError::Unknown)?;
    let (size, bytes) = match kind {
        PictureKind::Jpeg => jpeg::clean(bytes)?,
        PictureKind::Png => png::clean(bytes)?,
        PictureKind::Gif => gif::clean(bytes)?,
        PictureKind::Webp => webp::clean(bytes)?,
    };
    Ok(Picture {
        kind,
        width: size.width,
        height: size.height,
        bytes,
    })
}
