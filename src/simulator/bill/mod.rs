//! Bills: what was paid and refunded on a day in China, and how the merchant's account moved.
//!
//! A bill is written line by line whenever it is read, for its hash first and for the download
//! later. So a bill of a million rows needs no more memory than the orders it is made of. Faults
//! change the entries before anything is added up: a faulty bill adds up, too.

mod column;
mod entry;
mod flow;
mod money;
mod pieces;
mod spoil;
mod ticket;

use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use sha1::{Digest, Sha1};

use column::Column;
use entry::Entry;
pub(super) use pieces::Download;
pub(super) use ticket::{Ticket, Tickets};

use super::fault::{FaultKind, Struck};
use super::world::World;

/// Which of the trade bills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TradeKind {
    All,
    Success,
    Refund,
}

/// Which bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Trade(TradeKind),
    FundFlow,
}

/// A bill, ready to be written.
pub(super) struct Bill {
    kind: Kind,
    mch_id: String,
    /// Midnight in China, when its day begins.
    begins_at: DateTime<Utc>,
    entries: Vec<Entry>,
    /// How many entries without an order follow, for tests of volume.
    synthetic: u64,
    columns: Vec<Column>,
    /// What the merchant had when the day began.
    balance_fen: i64,
    is_summary_wrong: bool,
}

/// What a bill is found to be when it is written once.
pub(super) struct Digested {
    /// SHA-1 of the plain text, in hexadecimal.
    pub(super) sha1: String,
    pub(super) bytes: u64,
}

impl Bill {
    /// The bill of a day; none when nothing stands in it.
    pub(super) fn new(
        world: &World,
        mch_id: &str,
        kind: Kind,
        day: NaiveDate,
        struck: &Struck,
    ) -> Option<Self> {
        let begins_at = entry::begins_at(day);
        let (mut entries, balance_fen) = entry::of_day(world, begins_at);
        match kind {
            Kind::Trade(TradeKind::All) => {}
            Kind::Trade(TradeKind::Success) => entries.retain(|entry| entry.refund.is_none()),
            Kind::Trade(TradeKind::Refund) => entries.retain(|entry| entry.refund.is_some()),
            Kind::FundFlow => entries.retain(Entry::moves_money),
        }
        if kind == Kind::FundFlow {
            spoil::movements(&mut entries, world, begins_at, struck);
        }
        spoil::entries(&mut entries, begins_at, struck);
        let synthetic = struck
            .find(FaultKind::BillSyntheticRows)
            .map_or(0, |fault| fault.rows.unwrap_or(1_000));
        if entries.is_empty() && synthetic == 0 {
            return None;
        }
        Some(Self {
            kind,
            mch_id: mch_id.to_owned(),
            begins_at,
            entries,
            synthetic,
            columns: spoil::columns(column::of(kind), struck),
            balance_fen,
            is_summary_wrong: struck.has(FaultKind::BillSummaryWrong),
        })
    }

    /// Writes it once, to know what it will be.
    pub(super) fn digested(self: &Arc<Self>) -> Digested {
        let mut sha1 = Sha1::new();
        let mut bytes = 0_u64;
        for piece in pieces::plain(self) {
            sha1.update(&piece);
            bytes = bytes.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        }
        Digested {
            sha1: hex::encode(sha1.finalize()),
            bytes,
        }
    }

    fn len(&self) -> u64 {
        u64::try_from(self.entries.len())
            .unwrap_or(u64::MAX)
            .saturating_add(self.synthetic)
    }

    /// The entry at this place; beyond the known ones, a synthetic one.
    fn entry(&self, index: u64) -> std::borrow::Cow<'_, Entry> {
        let known = usize::try_from(index)
            .ok()
            .and_then(|index| self.entries.get(index));
        known.map_or_else(
            || std::borrow::Cow::Owned(Entry::synthetic(self.begins_at, index)),
            std::borrow::Cow::Borrowed,
        )
    }
}
