//! The picture of a code: a square QR code where the real one is round, so that any reader reads it.

use jpeg_encoder::{ColorType, Encoder};
use qrcodegen::{QrCode, QrCodeEcc};

/// The white around a code, in modules.
const MARGIN: i32 = 4;
/// Of a JPEG, in percent.
const QUALITY: u8 = 90;

/// How a code looks.
#[derive(Clone, Copy)]
pub(super) struct Look {
    /// In pixels; the picture is as high as it is wide.
    pub(super) width: u16,
    pub(super) line: [u8; 3],
    /// Without a ground, and then a PNG; else a JPEG on white.
    pub(super) is_hyaline: bool,
}

/// Draws a code. None: the text is too long for one, or the encoder fails.
pub(super) fn draw(text: &str, look: Look) -> Option<Vec<u8>> {
    let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
    let is_dark = pixels(&code, look.width)?;
    if look.is_hyaline {
        png_of(&is_dark, look)
    } else {
        jpeg_of(&is_dark, look)
    }
}

pub(super) fn content_type(look: Look) -> &'static str {
    if look.is_hyaline {
        "image/png"
    } else {
        "image/jpeg"
    }
}

/// Row by row, whether a line goes through a pixel.
fn pixels(code: &QrCode, width: u16) -> Option<Vec<bool>> {
    let width = i32::from(width);
    let modules = code.size() + 2 * MARGIN;
    let side = width.checked_div(modules).filter(|side| *side > 0)?;
    // What is left over is divided between the two sides.
    let rest = (width - side * modules) / 2;
    let module = |pixel: i32| (pixel - rest).div_euclid(side) - MARGIN;
    let rows = 0..width;
    Some(
        rows.flat_map(|y| (0..width).map(move |x| (x, y)))
            .map(|(x, y)| code.get_module(module(x), module(y)))
            .collect(),
    )
}

/// One bit for each pixel, and two colours, the first of which cannot be seen.
fn png_of(is_dark: &[bool], look: Look) -> Option<Vec<u8>> {
    let width = usize::from(look.width);
    let mut rows = Vec::with_capacity(is_dark.len() / 8);
    for row in is_dark.chunks(width) {
        rows.extend(row.chunks(8).map(|eight| {
            eight
                .iter()
                .zip([0x80, 0x40, 0x20, 0x10, 8, 4, 2, 1])
                .filter(|(is_dark, _)| **is_dark)
                .fold(0_u8, |byte, (_, bit)| byte | bit)
        }));
    }
    let mut picture = Vec::new();
    let side = u32::from(look.width);
    let mut encoder = png::Encoder::new(&mut picture, side, side);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::One);
    let [r, g, b] = look.line;
    encoder.set_palette(vec![0xff, 0xff, 0xff, r, g, b]);
    encoder.set_trns(vec![0, 0xff]);
    let mut writer = encoder.write_header().ok()?;
    writer.write_image_data(&rows).ok()?;
    writer.finish().ok()?;
    Some(picture)
}

fn jpeg_of(is_dark: &[bool], look: Look) -> Option<Vec<u8>> {
    let colour = |is_dark: &bool| if *is_dark { look.line } else { [0xff; 3] };
    let bytes: Vec<u8> = is_dark.iter().flat_map(colour).collect();
    let mut picture = Vec::new();
    Encoder::new(&mut picture, QUALITY)
        .encode(&bytes, look.width, look.width, ColorType::Rgb)
        .ok()?;
    Some(picture)
}
