//! What holds for every input, not only for those somebody thought of: the three machines, the
//! decision about money, amounts, names, signatures, pushes and parsers. The tables of the decisions are
//! kept as snapshots, so that no cell changes unseen.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a property that cannot be set up must fail the test"
)]

mod attempt;
mod bill;
mod money;
mod name;
mod notification;
mod open_data;
mod open_data_time;
mod order;
mod parser;
mod picture;
mod push;
mod refund;
mod schedule;
mod settlement;
mod shipment;
mod shipment_story;
mod shop;
mod signature;
