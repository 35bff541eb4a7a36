//! What lies in the repository beside the code, held to the code.
#![expect(
    clippy::unwrap_used,
    reason = "a test program: whatever is not as it should be ends the test"
)]

mod errors;
mod mutants;
mod runbook;
mod rust;
