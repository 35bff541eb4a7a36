//! JPEG: segments behind markers, and between them the packed pixels.

use super::PictureError::{self, Broken, TooLarge};
use super::bound::{SCANS_MAX, Size, check_profile};
use super::exif::{self, Orientation};
use super::reader::Reader;

const PROFILE: &[u8] = b"ICC_PROFILE\0";

/// What stays, in the order in which it is written.
#[derive(Default)]
struct Parts {
    density: Option<Vec<u8>>,
    orientation: Option<Orientation>,
    size: Option<Size>,
    profile_bytes: usize,
    scans: u32,
    body: Vec<u8>,
}

pub(super) fn clean(bytes: &[u8]) -> Result<(Size, Vec<u8>), PictureError> {
    let mut reader = Reader::new(bytes);
    reader.take(2)?;
    let mut parts = Parts {
        body: Vec::with_capacity(bytes.len()),
        ..Parts::default()
    };
    loop {
        let marker = marker(&mut reader)?;
        if marker == 0xd9 {
            return parts.finish();
        }
        // Markers that stand alone belong between pixels.
        if matches!(marker, 0x00..=0x01 | 0xd0..=0xd8) {
            return Err(Broken("a marker stands where none may"));
        }
        let length = usize::from(reader.be16()?);
        let content = reader.take(length.checked_sub(2).ok_or(Broken("a segment has no length"))?)?;
        parts.add(marker, content)?;
        if marker == 0xda {
            parts.add_pixels(&mut reader)?;
        }
    }
}

/// The next marker; any number of 0xff may stand before it.
fn marker(reader: &mut Reader<'_>) -> Result<u8, PictureError> {
    if reader.u8()? != 0xff {
        return Err(Broken("a marker is missing"));
    }
    loop {
        match reader.u8()? {
            0xff => {}
            marker => return Ok(marker),
        }
    }
}

impl Parts {
    fn add(&mut self, marker: u8, content: &[u8]) -> Result<(), PictureError> {
        match marker {
            0xc0..=0xc2 => {
                let mut header = Reader::new(content);
                header.u8()?;
                let (height, width) = (header.be16()?, header.be16()?);
                let size = Size::new(u32::from(width), u32::from(height))?;
                if self.size.replace(size).is_some() {
                    return Err(Broken("it has two frames"));
                }
                self.keep(marker, content)
            }
            // Lossless, hierarchical and arithmetic ones are shown by no phone.
            0xc3 | 0xc5..=0xc7 | 0xc8..=0xcb | 0xcd..=0xcf => {
                Err(Broken("this kind of JPEG is not shown anywhere"))
            }
            0xda if self.size.is_none() => Err(Broken("pixels stand before their size")),
            0xda => {
                self.scans = self.scans.saturating_add(1);
                if self.scans > SCANS_MAX {
                    return Err(TooLarge("at most 100 scans"));
                }
                self.keep(marker, content)
            }
            // Tables: Huffman, quantisation, restart interval.
            0xc4 | 0xdb | 0xdd => self.keep(marker, content),
            // JFIF without its small picture; the small picture is the whole one before it was cut.
            0xe0 if content.starts_with(b"JFIF\0") && content.len() >= 14 => {
                self.density = content.get(..12).map(<[u8]>::to_vec);
                Ok(())
            }
            0xe1 if content.starts_with(exif::MARK) => {
                self.orientation = self.orientation.or(exif::orientation(content));
                Ok(())
            }
            0xe2 if content.starts_with(PROFILE) => {
                self.profile_bytes = self.profile_bytes.saturating_add(content.len());
                check_profile(self.profile_bytes)?;
                self.keep(marker, content)
            }
            // Says how colours are coded; there are twelve bytes to it.
            0xee if content.starts_with(b"Adobe") => match content.get(..12) {
                Some(content) => self.keep(marker, content),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn keep(&mut self, marker: u8, content: &[u8]) -> Result<(), PictureError> {
        write(&mut self.body, marker, content)
    }

    /// Copies packed pixels up to the next marker that is not one of theirs.
    fn add_pixels(&mut self, reader: &mut Reader<'_>) -> Result<(), PictureError> {
        let rest = reader.rest();
        let is_end = |pair: &[u8]| matches!(pair, [0xff, second] if !matches!(second, 0x00 | 0xd0..=0xd7));
        let end = rest
            .windows(2)
            .position(is_end)
            .ok_or(Broken("it ends too early"))?;
        self.body.extend_from_slice(reader.take(end)?);
        Ok(())
    }

    fn finish(self) -> Result<(Size, Vec<u8>), PictureError> {
        let size = self.size.ok_or(Broken("it has no pixels"))?;
        if self.scans == 0 {
            return Err(Broken("it has no pixels"));
        }
        let mut whole = Vec::with_capacity(self.body.len().saturating_add(64));
        whole.extend_from_slice(&[0xff, 0xd8]);
        if let Some(mut density) = self.density {
            density.extend_from_slice(&[0, 0]);
            write(&mut whole, 0xe0, &density)?;
        }
        if let Some(orientation) = self.orientation {
            let mut block = exif::MARK.to_vec();
            block.extend(orientation.block());
            write(&mut whole, 0xe1, &block)?;
        }
        whole.extend_from_slice(&self.body);
        whole.extend_from_slice(&[0xff, 0xd9]);
        Ok((size, whole))
    }
}

fn write(out: &mut Vec<u8>, marker: u8, content: &[u8]) -> Result<(), PictureError> {
    let length = content
        .len()
        .checked_add(2)
        .and_then(|length| u16::try_from(length).ok());
    let length = length.ok_or(Broken("a segment is too long"))?;
    out.extend_from_slice(&[0xff, marker]);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(content);
    Ok(())
}
