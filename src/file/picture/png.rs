//! PNG: chunks with a name and a checksum.

use flate2::Crc;

use super::PictureError::{self, Broken};
use super::bound::{Frames, Size, check_profile};
use super::exif;
use super::reader::{Reader, length};

const SIGNATURE: &[u8; 8] = b"\x89PNG\r\n\x1a\n";
/// Set in the first letter of the name of a chunk that may be left out.
const ANCILLARY: u8 = 0x20;

pub(super) fn clean(bytes: &[u8]) -> Result<(Size, Vec<u8>), PictureError> {
    let mut reader = Reader::new(bytes);
    reader.take(SIGNATURE.len())?;
    let (name, header) = chunk(&mut reader)?;
    if &name != b"IHDR" {
        return Err(Broken("it does not begin with its header"));
    }
    let size = header_size(header)?;
    let mut frames = Frames::default();
    let (mut orientation, mut has_pixels) = (None, false);
    let mut body = Vec::with_capacity(bytes.len());
    loop {
        let (name, content) = chunk(&mut reader)?;
        match &name {
            b"IEND" if content.is_empty() => break,
            b"IDAT" => {
                has_pixels = true;
                write(&mut body, name, content)?;
            }
            b"fcTL" => {
                frames.add(frame_size(content)?)?;
                write(&mut body, name, content)?;
            }
            b"iCCP" => {
                check_profile(content.len())?;
                write(&mut body, name, content)?;
            }
            b"PLTE" | b"tRNS" | b"cHRM" | b"gAMA" | b"sBIT" | b"sRGB" | b"bKGD" | b"pHYs" | b"cICP"
            | b"mDCV" | b"cLLI" | b"acTL" | b"fdAT" => write(&mut body, name, content)?,
            b"eXIf" => orientation = orientation.or(exif::orientation(content)),
            // What describes: texts, times, the programs that made it.
            [first, ..] if first & ANCILLARY != 0 => {}
            _ => return Err(Broken("a chunk stands where none may")),
        }
    }
    if !has_pixels {
        return Err(Broken("it has no pixels"));
    }
    let mut whole = Vec::with_capacity(body.len().saturating_add(128));
    whole.extend_from_slice(SIGNATURE);
    write(&mut whole, *b"IHDR", header)?;
    if let Some(orientation) = orientation {
        write(&mut whole, *b"eXIf", &orientation.block())?;
    }
    whole.extend_from_slice(&body);
    write(&mut whole, *b"IEND", &[])?;
    Ok((size, whole))
}

/// The next chunk, its checksum held against it.
fn chunk<'a>(reader: &mut Reader<'a>) -> Result<([u8; 4], &'a [u8]), PictureError> {
    let bytes = length(reader.be32()?)?;
    let name: [u8; 4] = reader.array()?;
    let content = reader.take(bytes)?;
    if reader.be32()? != checksum(name, content) {
        return Err(Broken("a checksum is wrong"));
    }
    Ok((name, content))
}

fn checksum(name: [u8; 4], content: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(&name);
    crc.update(content);
    crc.sum()
}

fn header_size(header: &[u8]) -> Result<Size, PictureError> {
    let mut reader = Reader::new(header);
    let size = Size::new(reader.be32()?, reader.be32()?)?;
    let [depth, colour, packing, filter, interlace] = reader.array()?;
    let is_colour = matches!(
        (colour, depth),
        (0, 1 | 2 | 4 | 8 | 16) | (3, 1 | 2 | 4 | 8) | (2 | 4 | 6, 8 | 16)
    );
    if !reader.is_empty() || !is_colour || packing != 0 || filter != 0 || interlace > 1 {
        return Err(Broken("its header says what no header may"));
    }
    Ok(size)
}

fn frame_size(content: &[u8]) -> Result<Size, PictureError> {
    let mut reader = Reader::new(content);
    reader.be32()?;
    Size::new(reader.be32()?, reader.be32()?)
}

fn write(out: &mut Vec<u8>, name: [u8; 4], content: &[u8]) -> Result<(), PictureError> {
    let length = u32::try_from(content.len()).map_err(|_| Broken("a chunk is too long"))?;
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&name);
    out.extend_from_slice(content);
    out.extend_from_slice(&checksum(name, content).to_be_bytes());
    Ok(())
}
