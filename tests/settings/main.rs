//! Settings: what is read, what is refused, and that `.env.example` tells the truth.
#![expect(
    clippy::unwrap_used,
    reason = "a test program: whatever is not as it should be ends the test"
)]

mod example;
mod problem;
mod sound;
mod subscribe;
