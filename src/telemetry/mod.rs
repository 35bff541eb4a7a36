//! What the operator sees: log lines, metrics and traces.
//!
//! Every room but `domain` and `simulator` may note things here; nothing here knows a room above
//! `error`. One line is written per request, at the boundary, from the record that the rooms below
//! filled on the way. Never written: secrets, query strings, openids, unionids, phone numbers.

mod exchange;
mod filter;
mod free_call;
mod line;
mod metric;
mod process;
mod record;
mod shed;
mod start;
mod trace;

pub(crate) use exchange::Exchange;
pub use free_call::count_free_call;
pub use metric::{
    Metrics, UPSTREAM_DURATION, UPSTREAM_REQUESTS, count_content_check, count_database_trouble,
    count_event_delivery, count_loop_run, count_notification, count_open_data, count_order_move, count_push,
    count_resealed, count_subscribe_message, note_old_key_values, note_pool,
};
pub use record::{RequestRecord, current, note_error, note_order, note_user, query, scope, spawn};
pub use shed::Shed;
pub use start::{StartError, Telemetry, lines, start};
pub use trace::{SPAN_TARGET, upstream_span};
