//! Reads the verb, calls the library.

fn main() {}
