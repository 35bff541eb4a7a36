//! A second, independent WeChat: imports nothing else of the crate.
