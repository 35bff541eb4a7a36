//! The mini program's routes. Handlers only: parse, one call, map.

pub mod caller;
pub mod cloud_id;
pub mod collection;
pub mod file;
pub mod function;
pub mod login;
pub mod me;
pub mod open_data;
pub mod order;
pub mod page;
pub mod payment;
pub mod phone_number;
pub mod product;
pub mod session;
pub mod wxacode;
