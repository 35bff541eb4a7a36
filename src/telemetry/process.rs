//! What the process itself takes, read from Linux's `/proc` when a scrape asks. Elsewhere only
//! the uptime is known.

use std::time::Duration;

use metrics::{Unit, describe_gauge, gauge};

const UPTIME: &str = "weir_process_uptime_seconds";
const RESIDENT: &str = "weir_process_resident_memory_bytes";
const THREADS: &str = "weir_process_threads";
const OPEN_FILES: &str = "weir_process_open_fds";

pub(super) fn describe() {
    describe_gauge!(UPTIME, Unit::Seconds, "Time since the process began to measure");
    describe_gauge!(RESIDENT, Unit::Bytes, "Resident memory of the process");
    describe_gauge!(THREADS, "Threads of the process");
    describe_gauge!(OPEN_FILES, "Open file descriptors of the process");
    gauge!("weir_build_info", "version" => env!("CARGO_PKG_VERSION")).set(1.0);
}

pub(super) fn sample(uptime: Duration) {
    gauge!(UPTIME).set(uptime);
    let Ok(status) = std::fs::read_to_string("/proc/self/status") else {
        return;
    };
    if let Some(bytes) = kibibytes(&status, "VmRSS:").and_then(bytes) {
        gauge!(RESIDENT).set(bytes);
    }
    if let Some(threads) = field(&status, "Threads:").and_then(|text| text.parse::<u32>().ok()) {
        gauge!(THREADS).set(threads);
    }
    if let Ok(entries) = std::fs::read_dir("/proc/self/fd") {
        gauge!(OPEN_FILES).set(u32::try_from(entries.count()).unwrap_or(u32::MAX));
    }
}

fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .map(str::trim)
}

fn kibibytes(status: &str, name: &str) -> Option<u64> {
    field(status, name)?.strip_suffix(" kB")?.trim().parse().ok()
}

/// A gauge is a float, and an integer of 64 bits has no lossless way there but by its digits.
fn bytes(kibibytes: u64) -> Option<f64> {
    kibibytes.checked_mul(1024)?.to_string().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_file_is_read_by_its_names() {
        let status = "Name:\tweir\nVmRSS:\t   12344 kB\nThreads:\t7\n";
        assert_eq!(kibibytes(status, "VmRSS:"), Some(12344));
        assert_eq!(field(status, "Threads:"), Some("7"));
        assert_eq!(bytes(2), Some(2048.0));
    }
}
