//! Unpacking and hashing of a bill as it comes in pieces. Pure.

use std::io::Write as _;

use flate2::write::MultiGzDecoder;
use sha1::{Digest as _, Sha1};

use super::error::BillError;

/// The longest bill, unpacked.
const BILL_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;
/// How a gzip stream begins.
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// What WeChat's hash was taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hashed {
    /// The unpacked text.
    Text,
    /// The bytes as they came.
    Raw,
}

impl Hashed {
    /// Its name in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Raw => "raw",
        }
    }
}

/// Takes the bytes of a download, gives the bytes of the text.
#[derive(Debug, Default)]
pub struct Unpacker {
    state: State,
    raw: Sha1,
    text: Sha1,
    bytes: u64,
}

#[derive(Debug)]
enum State {
    /// Too few bytes to tell.
    Undecided(Vec<u8>),
    Plain,
    Gzip(Box<MultiGzDecoder<Vec<u8>>>),
}

impl Default for State {
    fn default() -> Self {
        Self::Undecided(Vec::new())
    }
}

impl Unpacker {
    /// Takes the next bytes, however they were cut, and hands on the text that they become, piece by piece.
    ///
    /// # Errors
    /// When they do not unpack, there is too much of it, or `sink` fails.
    pub fn push(
        &mut self,
        bytes: &[u8],
        sink: &mut impl FnMut(&[u8]) -> Result<(), BillError>,
    ) -> Result<(), BillError> {
        self.raw.update(bytes);
        if let State::Undecided(first) = &mut self.state {
            first.extend_from_slice(bytes);
            if first.len() < GZIP_MAGIC.len() {
                return Ok(());
            }
            let first = std::mem::take(first);
            self.state = if first.starts_with(&GZIP_MAGIC) {
                State::Gzip(Box::new(MultiGzDecoder::new(Vec::new())))
            } else {
                State::Plain
            };
            return self.unpack(&first, sink);
        }
        self.unpack(bytes, sink)
    }

    fn unpack(
        &mut self,
        bytes: &[u8],
        sink: &mut impl FnMut(&[u8]) -> Result<(), BillError>,
    ) -> Result<(), BillError> {
        match &mut self.state {
            State::Gzip(decoder) => {
                decoder.write_all(bytes).map_err(|_| BillError::Packed)?;
                let text = std::mem::take(decoder.get_mut());
                self.hand_on(&text, sink)
            }
            State::Undecided(_) | State::Plain => self.hand_on(bytes, sink),
        }
    }

    fn hand_on(
        &mut self,
        text: &[u8],
        sink: &mut impl FnMut(&[u8]) -> Result<(), BillError>,
    ) -> Result<(), BillError> {
        self.text.update(text);
        self.bytes = self
            .bytes
            .saturating_add(u64::try_from(text.len()).unwrap_or(u64::MAX));
        if self.bytes > BILL_BYTES_MAX {
            return Err(BillError::TooLong("4 GiB"));
        }
        sink(text)
    }

    /// The end: hands on what is left and compares the hash, which is in hex.
    ///
    /// # Errors
    /// When the packing breaks off, `sink` fails, or neither hash is `expected`.
    pub fn finish(
        mut self,
        expected: &str,
        sink: &mut impl FnMut(&[u8]) -> Result<(), BillError>,
    ) -> Result<Hashed, BillError> {
        let rest = match std::mem::take(&mut self.state) {
            State::Gzip(decoder) => decoder.finish().map_err(|_| BillError::Packed)?,
            State::Undecided(first) => first,
            State::Plain => Vec::new(),
        };
        self.hand_on(&rest, sink)?;
        let is = |hash: Sha1| hex::encode(hash.finalize()).eq_ignore_ascii_case(expected);
        if is(self.text) {
            Ok(Hashed::Text)
        } else if is(self.raw) {
            Ok(Hashed::Raw)
        } else {
            Err(BillError::Hash)
        }
    }
}
