//! A bill as a stream of bytes, plain or compressed, made as it is read.

use std::io::Write;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::{Bill, Kind, column, flow};

/// About how many bytes a piece has.
const PIECE_BYTES: usize = 32 * 1024;

/// A bill on its way to the merchant.
pub(in crate::simulator) struct Download {
    pub(in crate::simulator) bill: Arc<Bill>,
    pub(in crate::simulator) is_gzip: bool,
    /// How much of the plain text is sent; none: all of it.
    pub(in crate::simulator) bytes_max: Option<u64>,
}

impl Download {
    /// Its bytes, in pieces that are made as they are taken.
    pub(in crate::simulator) fn into_pieces(self) -> Box<dyn Iterator<Item = Vec<u8>>> {
        let cut = Cut {
            pieces: plain(&self.bill),
            left: self.bytes_max,
        };
        if !self.is_gzip {
            return Box::new(cut);
        }
        Box::new(Compressed {
            pieces: cut,
            encoder: Some(GzEncoder::new(Vec::new(), Compression::fast())),
            is_whole: self.bytes_max.is_none(),
        })
    }
}

/// The plain text.
pub(super) fn plain(bill: &Arc<Bill>) -> impl Iterator<Item = Vec<u8>> + use<> {
    Plain {
        bill: Arc::clone(bill),
        next: 0,
        trade: column::Sums::default(),
        flow: flow::Sums::new(bill.balance_fen),
        is_over: false,
    }
}

struct Plain {
    bill: Arc<Bill>,
    next: u64,
    trade: column::Sums,
    flow: flow::Sums,
    is_over: bool,
}

impl Iterator for Plain {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        if self.is_over {
            return None;
        }
        let bill = &self.bill;
        let is_flow = bill.kind == Kind::FundFlow;
        let mut text = String::with_capacity(PIECE_BYTES + 1024);
        match (self.next, is_flow) {
            (0, true) => flow::push_head(&mut text),
            (0, false) => column::push_head(&mut text, bill),
            _ => {}
        }
        while self.next < bill.len() && text.len() < PIECE_BYTES {
            let entry = bill.entry(self.next);
            if is_flow {
                flow::push_rows(&mut text, bill, &entry, &mut self.flow);
            } else {
                column::push_row(&mut text, bill, &entry, &mut self.trade);
            }
            self.next = self.next.saturating_add(1);
        }
        if self.next >= bill.len() {
            self.is_over = true;
            if is_flow {
                flow::push_sums(&mut text, bill, &self.flow);
            } else {
                column::push_sums(&mut text, bill, &self.trade);
            }
        }
        Some(text.into_bytes())
    }
}

/// Ends after so many bytes.
struct Cut<I> {
    pieces: I,
    left: Option<u64>,
}

impl<I: Iterator<Item = Vec<u8>>> Iterator for Cut<I> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        let mut piece = self.pieces.next()?;
        if let Some(left) = &mut self.left {
            piece.truncate(usize::try_from(*left).unwrap_or(usize::MAX));
            *left = left.saturating_sub(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        }
        Some(piece).filter(|piece| !piece.is_empty())
    }
}

/// Compresses with gzip; what is not whole gets no proper end.
struct Compressed<I> {
    pieces: I,
    encoder: Option<GzEncoder<Vec<u8>>>,
    is_whole: bool,
}

impl<I: Iterator<Item = Vec<u8>>> Iterator for Compressed<I> {
    type Item = Vec<u8>;

    fn next(&mut self) -> Option<Vec<u8>> {
        while let Some(encoder) = &mut self.encoder {
            if let Some(piece) = self.pieces.next() {
                encoder.write_all(&piece).ok()?;
                if !encoder.get_ref().is_empty() {
                    return Some(std::mem::take(encoder.get_mut()));
                }
            } else {
                let encoder = self.encoder.take()?;
                return if self.is_whole {
                    encoder.finish().ok()
                } else {
                    None
                };
            }
        }
        None
    }
}
