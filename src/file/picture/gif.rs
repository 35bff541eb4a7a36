//! GIF: a canvas, and blocks that draw on it.

use super::PictureError::{self, Broken};
use super::bound::{Frames, Size};
use super::reader::Reader;

pub(super) fn clean(bytes: &[u8]) -> Result<(Size, Vec<u8>), PictureError> {
    let mut reader = Reader::new(bytes);
    let mut whole = Vec::with_capacity(bytes.len());
    whole.extend_from_slice(reader.take(6)?);
    let header = reader.take(7)?;
    let mut fields = Reader::new(header);
    let size = Size::new(u32::from(fields.le16()?), u32::from(fields.le16()?))?;
    whole.extend_from_slice(header);
    whole.extend_from_slice(reader.take(palette_bytes(fields.u8()?))?);
    let mut frames = Frames::default();
    loop {
        match reader.u8()? {
            0x2c => copy_image(&mut reader, &mut whole, &mut frames)?,
            0x21 => copy_extension(&mut reader, &mut whole)?,
            0x3b => break,
            _ => return Err(Broken("a block stands where none may")),
        }
    }
    if frames.is_empty() {
        return Err(Broken("it has no pixels"));
    }
    whole.push(0x3b);
    Ok((size, whole))
}

/// The palette that a byte of flags announces: three bytes a colour.
fn palette_bytes(flags: u8) -> usize {
    if flags & 0x80 == 0 {
        return 0;
    }
    3 << ((flags & 7) + 1)
}

fn copy_image(reader: &mut Reader<'_>, whole: &mut Vec<u8>, frames: &mut Frames) -> Result<(), PictureError> {
    let header = reader.take(9)?;
    let mut fields = Reader::new(header);
    fields.take(4)?;
    frames.add(Size::new(u32::from(fields.le16()?), u32::from(fields.le16()?))?)?;
    whole.push(0x2c);
    whole.extend_from_slice(header);
    whole.extend_from_slice(reader.take(palette_bytes(fields.u8()?))?);
    // The width of the first code, then the packed pixels.
    whole.push(reader.u8()?);
    loop {
        let count = reader.u8()?;
        whole.push(count);
        whole.extend_from_slice(reader.take(usize::from(count))?);
        if count == 0 {
            return Ok(());
        }
    }
}

/// Keeps how long a frame is shown and how often an animation begins anew. Comments, texts and what
/// programs note for themselves, XMP among it, go.
fn copy_extension(reader: &mut Reader<'_>, whole: &mut Vec<u8>) -> Result<(), PictureError> {
    let label = reader.u8()?;
    let first = sub_block(reader)?;
    let second = if first.is_empty() {
        first
    } else {
        sub_block(reader)?
    };
    match (label, first, second) {
        (0xf9, [a, b, c, d], []) => whole.extend_from_slice(&[0x21, 0xf9, 4, *a, *b, *c, *d, 0]),
        (0xff, b"NETSCAPE2.0" | b"ANIMEXTS1.0", [1, low, high]) => {
            whole.extend_from_slice(b"\x21\xff\x0bNETSCAPE2.0");
            whole.extend_from_slice(&[3, 1, *low, *high, 0]);
        }
        _ => {}
    }
    if !second.is_empty() {
        while !sub_block(reader)?.is_empty() {}
    }
    Ok(())
}

fn sub_block<'a>(reader: &mut Reader<'a>) -> Result<&'a [u8], PictureError> {
    let count = reader.u8()?;
    reader.take(usize::from(count))
}
