//! The server from outside: a real server, a real PostgreSQL database for each test, the simulated
//! WeChat over a real socket. Bodies are JSON literals, as a page writes them.
//!
//! Every scenario runs inside `harness::shop`, which asserts on the way out that the books agree,
//! that nothing failed unannounced and that no secret was told. Nothing sleeps; clocks are pushed.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on must fail where it stands"
)]

mod absent;
mod access_token;
mod access_token_end;
mod access_token_lease;
mod admin_order;
mod bad_field;
mod bad_input;
mod catalogue;
mod clock;
mod clock_call;
mod close;
mod cloud_function;
mod cloud_id;
mod code;
mod collection;
mod console;
mod content_allowance;
mod content_gate;
mod content_media;
mod content_result;
mod content_text;
mod crash;
mod data_key;
mod doctor;
mod event;
mod event_behind;
mod event_order;
mod every_route;
mod exception;
mod expiry;
mod file;
mod file_form;
mod file_own;
mod file_read;
mod file_store;
mod file_sweep;
mod flood;
mod free_call;
mod fuzz;
mod hang;
mod harness;
mod health;
mod idempotency;
mod internal;
mod key;
mod key_health;
mod key_refused;
mod late;
mod lease;
mod lease_loop;
mod limits;
mod login;
mod login_shape;
mod mini_program;
mod mismatch;
mod multitude;
mod notification;
mod open_data;
mod open_data_key;
mod open_data_oracle;
mod openapi;
mod order;
mod order_bound;
mod order_list;
mod overload;
mod payment;
mod phone_code;
mod phone_number;
#[path = "../fixtures/picture.rs"]
mod picture;
mod pool;
mod prepay_fault;
mod profile;
mod property;
mod push;
mod reconciliation;
mod reconciliation_days;
mod reconciliation_late;
mod reconciliation_left;
mod reconciliation_midnight;
mod reconciliation_movement;
mod reconciliation_other;
mod reconciliation_refund;
mod reconciliation_run;
mod recorder;
mod refund;
mod refund_bound;
mod refund_call_off;
mod refund_doubt;
mod refund_end;
mod refund_notice;
mod refund_pace;
mod refund_pursuit;
mod refund_request;
mod refusal;
mod replay;
mod reset;
mod reset_anywhere;
#[path = "../fixtures/scan.rs"]
mod scan;
mod session;
mod session_key;
mod session_token;
mod settle;
mod shape;
mod shipment;
mod stop;
mod subscribe;
mod sync;
mod timeline;
mod turn;
mod unclear;
mod unionid;
mod unreadable;
mod url_link;
mod user;
mod user_search;
mod walk;
mod worker;
