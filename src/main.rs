//! Reads the verb, calls the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    weir::cli::run()
}
