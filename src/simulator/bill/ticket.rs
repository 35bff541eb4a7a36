//! What a download address stands for.

use std::collections::VecDeque;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::{Bill, Download};

/// How long a download address is good.
const LIFE: TimeDelta = TimeDelta::minutes(5);
/// How many are known at once; past this many the oldest is forgotten.
const TICKETS_MAX: usize = 100;

/// A bill that waits to be fetched.
pub(in crate::simulator) struct Ticket {
    pub(in crate::simulator) token: String,
    pub(in crate::simulator) made_at: DateTime<Utc>,
    pub(in crate::simulator) bill: Arc<Bill>,
    pub(in crate::simulator) is_gzip: bool,
    /// How much of the plain text is sent; none: all of it.
    pub(in crate::simulator) bytes_max: Option<u64>,
}

/// The download addresses that were handed out; not kept over a restart.
#[derive(Default)]
pub(in crate::simulator) struct Tickets(VecDeque<Ticket>);

impl Tickets {
    pub(in crate::simulator) fn add(&mut self, ticket: Ticket) {
        self.0
            .retain(|known| ticket.made_at < known.made_at + LIFE + LIFE);
        if self.0.len() >= TICKETS_MAX {
            self.0.pop_front();
        }
        self.0.push_back(ticket);
    }

    /// What a token stands for; none when it was never handed out, or too long ago.
    pub(in crate::simulator) fn open(&self, token: &str, now: DateTime<Utc>) -> Option<Download> {
        let ticket = self.0.iter().find(|ticket| ticket.token == token)?;
        (now < ticket.made_at + LIFE).then(|| Download {
            bill: Arc::clone(&ticket.bill),
            is_gzip: ticket.is_gzip,
            bytes_max: ticket.bytes_max,
        })
    }
}
