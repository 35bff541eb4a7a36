//! Files of users: what a picture is, byte by byte, and the place where files lie.
//!
//! [`picture`] tells a picture by its content and leaves in it what shows it and nothing else;
//! [`place`] keeps bytes under a name, in a folder or in an S3-compatible store. Never here: who may
//! keep what, a statement, HTTP.

pub mod picture;
pub mod place;
