//! A file that a user keeps here: a picture, and what is known of it.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::id::FileId;

/// The largest file, in bytes.
pub const FILE_BYTES_MAX: usize = 10 * 1024 * 1024;
/// How many files a user may keep.
pub const FILES_PER_USER_MAX: i64 = 1_000;
/// How many bytes the files of a user may have together.
pub const BYTES_PER_USER_MAX: i64 = 512 * 1024 * 1024;
/// How many files a user may send within [`UPLOAD_WINDOW`].
pub const UPLOADS_MAX: i64 = 120;
/// The time in which a user's uploads are counted.
pub const UPLOAD_WINDOW: TimeDelta = TimeDelta::hours(1);

/// The pictures that are kept. SVG is never one of them: it is a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PictureKind {
    /// JPEG, baseline or progressive.
    Jpeg,
    /// PNG, also animated.
    Png,
    /// GIF, also animated.
    Gif,
    /// WebP, also animated.
    Webp,
}

impl PictureKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Jpeg, Self::Png, Self::Gif, Self::Webp];

    /// How the address of such a file ends.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            Self::Gif => "gif",
            Self::Webp => "webp",
        }
    }

    /// Its media type.
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::Gif => "image/gif",
            Self::Webp => "image/webp",
        }
    }

    /// The kind of an extension, exactly as [`PictureKind::extension`] writes it.
    pub fn parse(extension: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.extension() == extension)
    }
}

/// A file that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredFile {
    /// Its id.
    pub id: FileId,
    /// What it is.
    pub kind: PictureKind,
    /// Its size.
    pub bytes: u64,
    /// The hash of what is served.
    pub sha256: [u8; 32],
    /// Since when it can be fetched.
    pub stored_at: DateTime<Utc>,
}

impl StoredFile {
    /// The last part of its address.
    pub fn name(&self) -> String {
        format!("{}.{}", self.id, self.kind.extension())
    }
}

/// Reads the last part of an address; only the one form that [`StoredFile::name`] writes.
pub fn parse_name(name: &str) -> Option<(FileId, PictureKind)> {
    let (id, extension) = name.split_once('.')?;
    let parsed = Uuid::try_parse(id).ok()?;
    (parsed.to_string() == id).then_some(())?;
    Some((FileId::from(parsed), PictureKind::parse(extension)?))
}

/// Among 256 parts of the store, the one that a file lies in: the last byte of its id, which is random.
pub fn shard(id: FileId) -> u8 {
    let [.., last] = Uuid::from(id).into_bytes();
    last
}

/// What a user keeps already and has sent lately.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileUsage {
    /// Files that are kept or on their way.
    pub files: i64,
    /// Their bytes.
    pub bytes: i64,
    /// Uploads within [`UPLOAD_WINDOW`], whatever became of them.
    pub uploads: i64,
    /// The oldest of these.
    pub oldest_upload_at: Option<DateTime<Utc>>,
}

/// Why a user may not keep one file more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuotaError {
    /// There are [`FILES_PER_USER_MAX`] files.
    Files,
    /// The bytes would exceed [`BYTES_PER_USER_MAX`].
    Bytes,
    /// There were [`UPLOADS_MAX`] uploads; after so many seconds one more is allowed.
    Rate {
        /// Seconds, at least one.
        wait_s: u32,
    },
}

impl FileUsage {
    /// Whether one file of `bytes` more is allowed.
    ///
    /// # Errors
    /// The bound that it would break.
    pub fn allow(&self, bytes: i64, now: DateTime<Utc>) -> Result<(), QuotaError> {
        if self.uploads >= UPLOADS_MAX {
            let free_at = self.oldest_upload_at.map_or(now, |at| at + UPLOAD_WINDOW);
            let wait = free_at.signed_duration_since(now).num_seconds().saturating_add(1);
            return Err(QuotaError::Rate {
                wait_s: u32::try_from(wait.max(1)).unwrap_or(u32::MAX),
            });
        }
        if self.files >= FILES_PER_USER_MAX {
            return Err(QuotaError::Files);
        }
        if self.bytes.saturating_add(bytes) > BYTES_PER_USER_MAX {
            return Err(QuotaError::Bytes);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_one_form_only() {
        let id = "0190a5a0-0000-7000-8000-0000000000af";
        let (parsed, kind) = parse_name(&format!("{id}.webp")).unwrap();
        assert_eq!((parsed.to_string().as_str(), kind), (id, PictureKind::Webp));
        assert_eq!(shard(parsed), 0xaf);
        for bad in [
            id.to_owned(),
            format!("{id}."),
            format!("{id}.jpeg"),
            format!("{id}.JPG"),
            format!("{id}.svg"),
            format!("{id}.png.png"),
            format!("{}.png", id.to_uppercase()),
            format!("{}.png", id.replace('-', "")),
            ".png".to_owned(),
        ] {
            assert_eq!(parse_name(&bad), None, "{bad}");
        }
    }

    #[test]
    fn each_bound_is_inclusive_and_named() {
        let now = DateTime::from_timestamp(1_764_000_000, 0).unwrap();
        let usage = FileUsage {
            files: FILES_PER_USER_MAX - 1,
            bytes: BYTES_PER_USER_MAX - 10,
            uploads: UPLOADS_MAX - 1,
            oldest_upload_at: Some(now - TimeDelta::minutes(59)),
        };
        assert_eq!(usage.allow(10, now), Ok(()));
        assert_eq!(usage.allow(11, now), Err(QuotaError::Bytes));
        let full = FileUsage {
            files: FILES_PER_USER_MAX,
            ..usage
        };
        assert_eq!(full.allow(1, now), Err(QuotaError::Files));
        let busy = FileUsage {
            uploads: UPLOADS_MAX,
            ..usage
        };
        assert_eq!(busy.allow(1, now), Err(QuotaError::Rate { wait_s: 61 }));
    }
}
