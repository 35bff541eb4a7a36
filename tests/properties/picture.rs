//! Pictures: what shows them stays byte by byte, all else goes, and no input is too strange.

use proptest::prelude::*;
use proptest::sample::Index;
use weir::file::picture::{FRAMES_MAX, PROFILE_BYTES_MAX, PictureError, SCANS_MAX, clean};

#[path = "../fixtures/picture.rs"]
mod fixture;

use fixture::{
    HERE, PICTURES, chunk, exif_with_orientation, exif_with_place, holds, picture, riff, segment,
    tells_place, webp_of, with_notes,
};

fn extension(name: &str) -> &str {
    name.rsplit('.').next().unwrap()
}

fn refused(bytes: &[u8]) -> PictureError {
    clean(bytes).unwrap_err()
}

#[test]
fn what_shows_a_picture_stays_as_it_is() {
    for (name, bytes) in PICTURES {
        let cleaned = clean(bytes).unwrap();
        assert_eq!((cleaned.width, cleaned.height), (24, 16), "{name}");
        assert_eq!(cleaned.kind.extension(), extension(name));
        assert!(cleaned.bytes == bytes, "{name}");
    }
}

#[test]
fn all_notes_go_wherever_they_stand() {
    for (name, bytes) in PICTURES {
        let noted = with_notes(name, None);
        assert!(tells_place(&noted), "{name}");
        assert!(clean(&noted).unwrap().bytes == bytes, "{name}");
    }
}

#[test]
fn of_exif_only_the_orientation_stays() {
    for (name, bytes) in PICTURES {
        let noted = with_notes(name, Some(&exif_with_place()));
        let cleaned = clean(&noted).unwrap().bytes;
        assert!(!tells_place(&cleaned), "{name}");
        // GIF has no Exif, and a WebP without an extended header no place for it.
        let can_turn = extension(name) != "gif" && !["lossy.webp", "lossless.webp"].contains(&name);
        assert_eq!(holds(&cleaned, &exif_with_orientation()), can_turn, "{name}");
        let more = if can_turn {
            exif_with_orientation().len()
        } else {
            0
        };
        assert!((0..=more + 12).contains(&(cleaned.len() - bytes.len())), "{name}");
        assert!(clean(&cleaned).unwrap().bytes == cleaned, "{name}");
    }
}

#[test]
fn notes_between_scans_and_inside_frames_go_too() {
    let bytes = picture("progressive.jpg");
    let second = bytes
        .windows(2)
        .enumerate()
        .filter(|(_, pair)| *pair == [0xff, 0xda])
        .nth(1);
    let at = second.unwrap().0;
    let noted = [&bytes[..at], &segment(0xfe, &[HERE]), &bytes[at..]].concat();
    assert!(clean(&noted).unwrap().bytes == bytes);

    // Into the first frame, whose size and that of the whole grow with it.
    let bytes = picture("animated.webp");
    let at = bytes.windows(4).position(|name| name == b"ANMF").unwrap();
    let size = u32::from_le_bytes(bytes[at + 4..at + 8].try_into().unwrap());
    let end = at + 8 + usize::try_from(size).unwrap();
    let frame = riff(
        *b"ANMF",
        &[&bytes[at + 8..end], riff(*b"home", HERE).as_slice()].concat(),
    );
    let behind = end.next_multiple_of(2);
    let noted = webp_of(&[&bytes[12..at], &frame, &bytes[behind..]].concat());
    assert!(tells_place(&noted));
    assert!(clean(&noted).unwrap().bytes == bytes);
}

#[test]
fn half_a_picture_is_none() {
    for (name, bytes) in PICTURES {
        for end in 0..bytes.len() {
            assert!(clean(&bytes[..end]).is_err(), "{name} up to {end}");
        }
    }
}

#[test]
fn a_png_with_one_wrong_bit_is_broken() {
    let bytes = picture("plain.png");
    for bit in 0..bytes.len() * 8 {
        let mut wrong = bytes.to_vec();
        wrong[bit / 8] ^= 1 << (bit % 8);
        assert!(clean(&wrong).is_err(), "bit {bit}");
    }
}

#[test]
fn what_is_no_picture_is_refused_whatever_it_calls_itself() {
    let svg = b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>".as_slice();
    let html = b"<!DOCTYPE html><script>alert(1)</script>".as_slice();
    for bytes in [
        b"".as_slice(),
        svg,
        html,
        b"%PDF-1.7\n",
        b"BM\x3a\0\0\0",
        b"II\x2a\0",
        b"PK\x03\x04",
        b"\xff\xd8",
        b"GIF88a",
    ] {
        assert_eq!(refused(bytes), PictureError::Unknown);
    }
    // Two in one: what stands before a picture makes it none, and the first bytes alone make no picture.
    assert_eq!(
        refused(&[html, picture("plain.png")].concat()),
        PictureError::Unknown
    );
    assert!(matches!(
        refused(&[b"GIF89a=1;", html].concat()),
        PictureError::Broken(_) | PictureError::TooLarge(_)
    ));
    assert!(matches!(
        refused(&[b"\xff\xd8\xff\xe0", html].concat()),
        PictureError::Broken(_)
    ));
}

/// A picture with other numbers in its header.
fn sized(name: &str, at: usize, size: &[u8]) -> Vec<u8> {
    let mut bytes = picture(name).to_vec();
    bytes[at..at + size.len()].copy_from_slice(size);
    bytes
}

#[test]
fn no_picture_is_too_large_to_be_shown() {
    let png = |width: u32, height: u32| {
        let header = [&width.to_be_bytes()[..], &height.to_be_bytes(), b"\x08\x02\0\0\0"].concat();
        let bytes = picture("plain.png");
        [&bytes[..8], &chunk(*b"IHDR", &[&header]), &bytes[33..]].concat()
    };
    assert!(clean(&png(16_384, 3_906)).is_ok());
    for (width, height) in [(16_384, 3_907), (16_385, 1), (1, 16_385), (u32::MAX, u32::MAX)] {
        assert!(
            matches!(refused(&png(width, height)), PictureError::TooLarge(_)),
            "{width} by {height}"
        );
    }
    assert!(matches!(refused(&png(0, 1)), PictureError::Broken(_)));

    let frame = picture("baseline.jpg")
        .windows(2)
        .position(|pair| pair == [0xff, 0xc0])
        .unwrap();
    let huge = [
        sized("baseline.jpg", frame + 5, b"\xff\xff\xff\xff"),
        sized("plain.gif", 6, b"\xff\xff\xff\xff"),
        sized("lossy.webp", 26, b"\xff\x3f\xff\x3f"),
        sized("lossless.webp", 21, b"\xff\xff\xff\x0f"),
        sized("alpha.webp", 24, b"\xff\xff\xff\xff\xff\xff"),
    ];
    for bytes in huge {
        assert!(matches!(refused(&bytes), PictureError::TooLarge(_)));
    }
}

#[test]
fn animations_scans_and_profiles_are_bounded() {
    let gif = picture("plain.gif");
    let first = 13 + (3 << ((gif[10] & 7) + 1));
    let tiny = b"\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0";
    let many = |count| [&gif[..first], &tiny.repeat(count), b"\x3b"].concat();
    let most = usize::try_from(FRAMES_MAX).unwrap();
    assert!(clean(&many(most)).is_ok());
    assert!(matches!(refused(&many(most + 1)), PictureError::TooLarge(_)));
    let large = b"\x2c\0\0\0\0\x40\x1f\x40\x1f\0\x02\x02\x44\x01\0";
    let pixels = [&gif[..first], &large.repeat(16), b"\x3b"].concat();
    assert!(matches!(refused(&pixels), PictureError::TooLarge(_)));

    let jpeg = picture("baseline.jpg");
    let scan = jpeg.windows(2).position(|pair| pair == [0xff, 0xda]).unwrap();
    let end = jpeg.len() - 2;
    let scans = |count| [&jpeg[..scan], &jpeg[scan..end].repeat(count), b"\xff\xd9"].concat();
    let most = usize::try_from(SCANS_MAX).unwrap();
    assert!(clean(&scans(most)).is_ok());
    assert!(matches!(refused(&scans(most + 1)), PictureError::TooLarge(_)));

    let png = picture("plain.png");
    let profile = |bytes: usize| [&png[..33], &chunk(*b"iCCP", &[&vec![1; bytes]]), &png[33..]].concat();
    assert!(clean(&profile(PROFILE_BYTES_MAX)).is_ok());
    assert!(matches!(
        refused(&profile(PROFILE_BYTES_MAX + 1)),
        PictureError::TooLarge(_)
    ));
}

proptest! {
    #[test]
    fn a_picture_of_any_bytes(
        (name, bytes) in prop::sample::select(&PICTURES[..]),
        changes in prop::collection::vec((any::<Index>(), any::<u8>()), 0..6),
        tail in any::<Vec<u8>>(),
    ) {
        let mut bytes = bytes.to_vec();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.extend(tail);
        // Whatever is kept is kept for good: cleaning it again changes nothing.
        if let Ok(once) = clean(&bytes) {
            let twice = clean(&once.bytes).unwrap();
            prop_assert!(twice == once, "{}", name);
        }
    }
}
