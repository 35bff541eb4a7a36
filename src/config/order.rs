//! `ORDER_TTL_S`

use super::{Noted, Reader};

/// Orders.
#[derive(Debug)]
pub struct OrderSettings {
    /// An unpaid order is closed after this, in seconds. WeChat's shortest time limit is 60 s, its
    /// longest at least 7 days. Source: pay-v3, section 1.
    pub ttl_s: u32,
}

impl OrderSettings {
    /// Reads the section.
    pub fn read(reader: &Reader<'_>) -> Result<Self, Noted> {
        Ok(Self {
            ttl_s: reader.number("ORDER_TTL_S", 1_800, 60..=604_800)?,
        })
    }
}
