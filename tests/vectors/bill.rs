//! Bills: unpacking, and the hash that may be taken over either form.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use weir::wechat::pay::bill::{BillError, Hashed, Unpacker};

use crate::{Vectors, text};

fn unpack(bytes: &[u8], step: usize, hash: &str) -> Result<(Hashed, Vec<u8>), BillError> {
    let mut plain = Vec::new();
    let mut unpacker = Unpacker::default();
    let mut sink = |part: &[u8]| {
        plain.extend_from_slice(part);
        Ok(())
    };
    for piece in bytes.chunks(step) {
        unpacker.push(piece, &mut sink)?;
    }
    let hashed = unpacker.finish(hash, &mut sink)?;
    Ok((hashed, plain))
}

#[test]
fn a_bill_unpacks_and_either_hash_fits() {
    let vectors = Vectors::load();
    for vector in vectors.of("bill_hash") {
        let packed = STANDARD.decode(text(&vector["inputs"]["gzip_base64"])).unwrap();
        let expected = &vector["expected"];
        let plain = text(&expected["text"]).as_bytes();
        let (of_text, of_raw) = (text(&expected["sha1_of_plain"]), text(&expected["sha1_of_gzip"]));
        for step in [1, 2, 3, 7, packed.len()] {
            for (hash, hashed) in [(of_text, Hashed::Text), (of_raw, Hashed::Raw)] {
                assert_eq!(unpack(&packed, step, hash).unwrap(), (hashed, plain.to_vec()));
            }
            // A bill that was never packed has one form, and one hash.
            assert_eq!(
                unpack(plain, step, of_text).unwrap(),
                (Hashed::Text, plain.to_vec())
            );
            assert!(matches!(unpack(plain, step, of_raw), Err(BillError::Hash)));
        }
        assert!(matches!(
            unpack(&packed, 9, &"0".repeat(40)),
            Err(BillError::Hash)
        ));
        let cut = &packed[..packed.len() - 1];
        assert!(matches!(unpack(cut, 9, of_text), Err(BillError::Packed)));
        let mut broken = packed.clone();
        let last = broken.len() - 6;
        broken[last] ^= 1;
        assert!(matches!(unpack(&broken, 9, of_text), Err(BillError::Packed)));
    }
}
