//! What a user gives by WeChat: what it encrypts and signs, the phone number, data behind cloudIDs, and what
//! cloud functions make of it.

pub mod cloud_function;
pub mod cloud_id;
pub mod open_data;
pub mod phone_number;
