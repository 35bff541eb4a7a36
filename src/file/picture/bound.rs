//! How large a picture may be for those who show it.

use super::PictureError;

/// The longest side, in pixels.
pub const SIDE_MAX: u32 = 16_384;
/// The largest area, in pixels; a phone's camera has 50 million.
pub const PIXELS_MAX: u64 = 64_000_000;
/// The frames of an animation.
pub const FRAMES_MAX: u32 = 1_000;
/// The pixels of all frames together.
pub const FRAME_PIXELS_MAX: u64 = 1_000_000_000;
/// The scans of a progressive JPEG; encoders write about ten.
pub const SCANS_MAX: u32 = 100;
/// The bytes of colour profiles.
pub const PROFILE_BYTES_MAX: usize = 1024 * 1024;

/// Width and height in pixels, within the bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) width: u32,
    pub(super) height: u32,
}

impl Size {
    /// Judges what a header says.
    pub(super) fn new(width: u32, height: u32) -> Result<Self, PictureError> {
        if width == 0 || height == 0 {
            return Err(PictureError::Broken("it has no pixels"));
        }
        let size = Self { width, height };
        if width > SIDE_MAX || height > SIDE_MAX || size.pixels() > PIXELS_MAX {
            return Err(PictureError::TooLarge(
                "at most 16384 pixels a side and 64 million in all",
            ));
        }
        Ok(size)
    }

    pub(super) fn pixels(self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }
}

/// Counts the frames of an animation.
#[derive(Debug, Default)]
pub(super) struct Frames {
    count: u32,
    pixels: u64,
}

impl Frames {
    /// Counts one frame.
    pub(super) fn add(&mut self, size: Size) -> Result<(), PictureError> {
        self.count = self.count.saturating_add(1);
        self.pixels = self.pixels.saturating_add(size.pixels());
        if self.count > FRAMES_MAX || self.pixels > FRAME_PIXELS_MAX {
            return Err(PictureError::TooLarge(
                "at most 1000 frames with a thousand million pixels",
            ));
        }
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }
}

/// Judges the size of a colour profile, or of one more piece of it.
pub(super) fn check_profile(bytes: usize) -> Result<(), PictureError> {
    if bytes > PROFILE_BYTES_MAX {
        return Err(PictureError::TooLarge("at most 1 MiB of colour profile"));
    }
    Ok(())
}
