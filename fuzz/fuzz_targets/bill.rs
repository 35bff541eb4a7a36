//! The reader of bills, fed with bytes as a download brings them.
//!
//! The first byte of an input says which bill it is (its lowest bit) and whether it is to be packed
//! first (the next), the second how many bytes come at a time. However they are cut, the outcome is the
//! same; nothing ever panics, and a bill whose hash fits adds up.

#![no_main]

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use libfuzzer_sys::fuzz_target;
use sha1::{Digest as _, Sha1};
use weir::wechat::pay::bill::{BillError, Flow, Kind, Sheet, Trade, Unpacker};

/// The rows of a bill that comes in pieces of so many bytes.
fn read<K: Kind>(bytes: &[u8], step: usize) -> Result<Vec<K::Row>, BillError> {
    let hash = hex::encode(Sha1::digest(bytes));
    let (mut unpacker, mut sheet, mut rows) = (Unpacker::default(), Sheet::<K>::default(), Vec::new());
    for piece in bytes.chunks(step) {
        unpacker.push(piece, &mut |text| sheet.push(text, &mut rows))?;
    }
    unpacker.finish(&hash, &mut |text| sheet.push(text, &mut rows))?;
    let count = sheet.finish(&mut rows)?;
    assert_eq!(count, rows.len() as u64);
    Ok(rows)
}

/// The same whole and in pieces.
fn compare<K: Kind>(bytes: &[u8], step: usize)
where
    K::Row: PartialEq + std::fmt::Debug,
{
    match (read::<K>(bytes, bytes.len().max(1)), read::<K>(bytes, step)) {
        (Ok(whole), Ok(pieces)) => assert_eq!(whole, pieces),
        // Which of two faults is met first may depend on the pieces.
        (Err(_), Err(_)) => {}
        (whole, pieces) => panic!("whole: {whole:?}, in pieces of {step}: {pieces:?}"),
    }
}

fuzz_target!(|input: &[u8]| {
    let [kind, step, text @ ..] = input else {
        return;
    };
    let packed = (kind & 2 != 0).then(|| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    });
    let bytes = packed.as_deref().unwrap_or(text);
    let step = usize::from(*step).max(1);
    if kind & 1 == 0 {
        compare::<Trade>(bytes, step);
    } else {
        compare::<Flow>(bytes, step);
    }
});
