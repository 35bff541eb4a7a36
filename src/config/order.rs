//! `ORDER_TTL_S`, `SHIP_VIRTUAL_GOODS`

use super::{Noted, Reader};

/// Orders.
#[derive(Debug)]
pub struct OrderSettings {
    /// An unpaid order is closed after this, in seconds. WeChat's shortest time limit is 60 s, its
    /// longest at least 7 days. Source: pay-v3, section 1.
    pub ttl_s: u32,
    /// Whether every paid order is reported to WeChat as virtual goods that were sent.
    pub ships_virtual_goods: bool,
}

impl OrderSettings {
    /// Reads the section.
    pub fn read(reader: &Reader<'_>) -> Result<Self, Noted> {
        let ttl_s = reader.number("ORDER_TTL_S", 1_800, 60..=604_800);
        let ships_virtual_goods = reader.parsed("SHIP_VIRTUAL_GOODS", "true or false");
        Ok(Self {
            ttl_s: ttl_s?,
            ships_virtual_goods: ships_virtual_goods?.unwrap_or(false),
        })
    }
}
