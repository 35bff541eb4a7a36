//! The one thing of Exif that shows a picture: which way is up.

use super::PictureError;
use super::reader::{Reader, length};

/// What stands before Exif in a JPEG, and by mistake in some WebP files.
pub(super) const MARK: &[u8; 6] = b"Exif\0\0";
/// The tag of the orientation, and its type: a number of 16 bits.
const ORIENTATION: u16 = 0x0112;
const SHORT: u16 = 3;

/// A way to turn or mirror the picture that is not "as it is": 2 to 8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Orientation(u16);

/// Reads the orientation of a block of Exif. A block that cannot be read has none: it is thrown away
/// in any case.
pub(super) fn orientation(block: &[u8]) -> Option<Orientation> {
    let block = block.strip_prefix(MARK).unwrap_or(block);
    read(block).ok().flatten()
}

fn read(block: &[u8]) -> Result<Option<Orientation>, PictureError> {
    let mut header = Reader::new(block);
    let is_little = match &header.array()? {
        b"II\x2a\0" => true,
        b"MM\0\x2a" => false,
        _ => return Ok(None),
    };
    let long = |reader: &mut Reader<'_>| if is_little { reader.le32() } else { reader.be32() };
    let short = |reader: &mut Reader<'_>| if is_little { reader.le16() } else { reader.be16() };
    let at = length(long(&mut header)?)?;
    let mut entries = Reader::new(block.get(at..).unwrap_or_default());
    for _ in 0..short(&mut entries)? {
        let (tag, kind) = (short(&mut entries)?, short(&mut entries)?);
        let count = long(&mut entries)?;
        let value = short(&mut entries)?;
        entries.take(2)?;
        if tag == ORIENTATION {
            let is_told = kind == SHORT && count == 1 && (2..=8).contains(&value);
            return Ok(is_told.then_some(Orientation(value)));
        }
    }
    Ok(None)
}

impl Orientation {
    /// A block of Exif that says this and nothing else.
    pub(super) fn block(self) -> Vec<u8> {
        let mut block = Vec::with_capacity(26);
        block.extend_from_slice(b"MM\0\x2a\0\0\0\x08\0\x01");
        block.extend_from_slice(&ORIENTATION.to_be_bytes());
        block.extend_from_slice(&SHORT.to_be_bytes());
        block.extend_from_slice(&1_u32.to_be_bytes());
        block.extend_from_slice(&self.0.to_be_bytes());
        block.extend_from_slice(&[0; 6]);
        block
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_of_ours_is_read_again_and_only_real_turns_count() {
        for value in 0..=9 {
            let wanted = (2..=8).contains(&value).then_some(Orientation(value));
            assert_eq!(orientation(&Orientation(value).block()), wanted);
        }
    }

    #[test]
    fn both_byte_orders_are_read_and_rubbish_has_no_orientation() {
        let little = b"Exif\0\0II\x2a\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
        assert_eq!(orientation(little), Some(Orientation(6)));
        for end in 0..little.len() - 6 {
            assert_eq!(orientation(&little[..end]), None, "{end}");
        }
        assert_eq!(orientation(b"II\x2a\0\xff\xff\xff\xff"), None);
    }
}
