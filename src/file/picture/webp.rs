//! WebP: chunks in a RIFF container.

use super::PictureError::{self, Broken};
use super::bound::{Frames, Size, check_profile};
use super::exif::{self, Orientation};
use super::reader::{Reader, length};

const HAS_PROFILE: u8 = 0x20;
const HAS_ALPHA: u8 = 0x10;
const HAS_EXIF: u8 = 0x08;
const IS_ANIMATED: u8 = 0x02;

/// What stays of a file with an extended header.
#[derive(Default)]
struct Parts {
    orientation: Option<Orientation>,
    has_profile: bool,
    has_pixels: bool,
    frames: Frames,
    body: Vec<u8>,
}

pub(super) fn clean(bytes: &[u8]) -> Result<(Size, Vec<u8>), PictureError> {
    let mut outer = Reader::new(bytes);
    outer.take(4)?;
    let inside = length(outer.le32()?)?;
    // What stands behind the container is left out.
    let mut reader = Reader::new(outer.take(inside)?);
    reader.take(4)?;
    let (name, content) = chunk(&mut reader)?;
    let mut body = Vec::with_capacity(bytes.len());
    let size = match &name {
        b"VP8 " | b"VP8L" => {
            let size = pixel_size(name, content)?;
            write(&mut body, name, content)?;
            size
        }
        b"VP8X" => extended(content, reader, &mut body)?,
        _ => return Err(Broken("it does not begin with its header")),
    };
    let mut whole = Vec::with_capacity(body.len().saturating_add(12));
    let inside = u32::try_from(body.len().saturating_add(4)).map_err(|_| Broken("it is too long"))?;
    whole.extend_from_slice(b"RIFF");
    whole.extend_from_slice(&inside.to_le_bytes());
    whole.extend_from_slice(b"WEBP");
    whole.extend_from_slice(&body);
    Ok((size, whole))
}

/// Reads the chunks behind an extended header and writes header and chunks again.
fn extended(header: &[u8], mut reader: Reader<'_>, whole: &mut Vec<u8>) -> Result<Size, PictureError> {
    let mut fields = Reader::new(header);
    let [flags, _, _, _] = fields.array()?;
    let size = Size::new(fields.le24()?.saturating_add(1), fields.le24()?.saturating_add(1))?;
    let mut parts = Parts::default();
    while !reader.is_empty() {
        let (name, content) = chunk(&mut reader)?;
        parts.add(name, content)?;
    }
    let is_animated = flags & IS_ANIMATED != 0;
    if parts.has_pixels == is_animated || parts.frames.is_empty() == is_animated {
        return Err(Broken("its header does not fit its pixels"));
    }
    let mut flags = flags & (HAS_ALPHA | IS_ANIMATED);
    if parts.has_profile {
        flags |= HAS_PROFILE;
    }
    if parts.orientation.is_some() {
        flags |= HAS_EXIF;
    }
    let mut header = header.get(..10).map(<[u8]>::to_vec).unwrap_or_default();
    if let Some(([first, reserved @ ..], _)) = header.split_first_chunk_mut::<4>() {
        *first = flags;
        *reserved = [0; 3];
    }
    write(whole, *b"VP8X", &header)?;
    whole.extend_from_slice(&parts.body);
    if let Some(orientation) = parts.orientation {
        write(whole, *b"EXIF", &orientation.block())?;
    }
    Ok(size)
}

impl Parts {
    fn add(&mut self, name: [u8; 4], content: &[u8]) -> Result<(), PictureError> {
        match &name {
            b"VP8 " | b"VP8L" => {
                pixel_size(name, content)?;
                if self.has_pixels {
                    return Err(Broken("it has two pictures"));
                }
                self.has_pixels = true;
                write(&mut self.body, name, content)
            }
            b"ALPH" | b"ANIM" => write(&mut self.body, name, content),
            b"ICCP" => {
                check_profile(content.len())?;
                self.has_profile = true;
                write(&mut self.body, name, content)
            }
            b"ANMF" => {
                let frame = frame(content)?;
                self.frames.add(frame.0)?;
                write(&mut self.body, name, &frame.1)
            }
            b"EXIF" => {
                self.orientation = self.orientation.or(exif::orientation(content));
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// A frame of an animation, with nothing in it but its pixels.
fn frame(content: &[u8]) -> Result<(Size, Vec<u8>), PictureError> {
    let mut reader = Reader::new(content);
    let header = reader.take(16)?;
    let mut fields = Reader::new(header);
    fields.take(6)?;
    let size = Size::new(fields.le24()?.saturating_add(1), fields.le24()?.saturating_add(1))?;
    let mut kept = header.to_vec();
    while !reader.is_empty() {
        let (name, content) = chunk(&mut reader)?;
        match &name {
            b"VP8 " | b"VP8L" => {
                pixel_size(name, content)?;
                write(&mut kept, name, content)?;
            }
            b"ALPH" => write(&mut kept, name, content)?,
            _ => {}
        }
    }
    Ok((size, kept))
}

/// The size that the packed pixels themselves tell.
fn pixel_size(name: [u8; 4], content: &[u8]) -> Result<Size, PictureError> {
    let mut reader = Reader::new(content);
    if &name == b"VP8L" {
        if reader.u8()? != 0x2f {
            return Err(Broken("its pixels do not begin as they must"));
        }
        let bits = reader.le32()?;
        return Size::new((bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1);
    }
    reader.take(3)?;
    if reader.array()? != [0x9d, 0x01, 0x2a] {
        return Err(Broken("its pixels do not begin as they must"));
    }
    // The two highest bits scale.
    Size::new(
        u32::from(reader.le16()? & 0x3fff),
        u32::from(reader.le16()? & 0x3fff),
    )
}

/// The next chunk; one of an odd length is followed by a zero.
fn chunk<'a>(reader: &mut Reader<'a>) -> Result<([u8; 4], &'a [u8]), PictureError> {
    let name: [u8; 4] = reader.array()?;
    let bytes = length(reader.le32()?)?;
    let content = reader.take(bytes)?;
    if bytes % 2 == 1 && !reader.is_empty() {
        reader.u8()?;
    }
    Ok((name, content))
}

fn write(out: &mut Vec<u8>, name: [u8; 4], content: &[u8]) -> Result<(), PictureError> {
    let length = u32::try_from(content.len()).map_err(|_| Broken("a chunk is too long"))?;
    out.extend_from_slice(&name);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(content);
    if content.len() % 2 == 1 {
        out.push(0);
    }
    Ok(())
}
