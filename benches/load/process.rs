//! What processes and processors did, read from Linux's `/proc`; and which processors they may use.

use std::collections::BTreeMap;
use std::process::{Command, Stdio};

/// A tick of `/proc`, in microseconds: the same on every machine that Linux runs on.
const TICK_US: u64 = 10_000;

/// Where things run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    /// The server on processor 0, everything else on the others.
    Pinned,
    /// Everything everywhere.
    Free,
}

impl Layout {
    /// The processors of the server, as `taskset` spells them.
    pub(crate) fn server(self) -> String {
        match self {
            Self::Pinned => "0".to_owned(),
            Self::Free => format!("0-{}", processors() - 1),
        }
    }

    /// The processors of everything else.
    pub(crate) fn rest(self) -> String {
        match self {
            Self::Pinned => format!("1-{}", (processors() - 1).max(1)),
            Self::Free => format!("0-{}", processors() - 1),
        }
    }
}

/// How many processors the machine has.
pub(crate) fn processors() -> usize {
    let stat = std::fs::read_to_string("/proc/stat").expect("Linux's /proc");
    let is_one = |line: &&str| line.starts_with("cpu") && !line.starts_with("cpu ");
    stat.lines().filter(is_one).count()
}

/// Lets a process with all its threads run on these processors alone.
pub(crate) fn pin(pid: u32, processors: &str) {
    let status = Command::new("taskset")
        .args(["-a", "-p", "-c", processors, &pid.to_string()])
        .stdout(Stdio::null())
        .status()
        .expect("taskset, of util-linux");
    assert!(status.success(), "taskset cannot place process {pid}");
}

/// What a process has used so far.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Usage {
    /// Processor time, of all threads.
    pub(crate) cpu_us: u64,
    /// Times a thread gave way, because it had to wait or was made to.
    pub(crate) switches: u64,
}

impl Usage {
    /// Of one process.
    pub(crate) fn of(pid: u32) -> Self {
        let stat = Stat::read(pid).expect("a process that lives");
        let threads = std::fs::read_dir(format!("/proc/{pid}/task")).expect("a process that lives");
        let switches = threads
            .filter_map(|thread| std::fs::read_to_string(thread.ok()?.path().join("status")).ok())
            .map(|status| {
                field(&status, "voluntary_ctxt_switches:") + field(&status, "nonvoluntary_ctxt_switches:")
            })
            .sum();
        Self {
            cpu_us: stat.own_ticks * TICK_US,
            switches,
        }
    }

    /// Of a process and all its children, those that ended included.
    pub(crate) fn of_family(parent: u32) -> Self {
        let own = Stat::read(parent).expect("a process that lives");
        let children: u64 = children(parent).values().map(|stat| stat.own_ticks).sum();
        Self {
            cpu_us: (own.own_ticks + own.waited_ticks + children) * TICK_US,
            switches: 0,
        }
    }

    /// What was used since `earlier`.
    pub(crate) fn since(self, earlier: Self) -> Self {
        Self {
            cpu_us: self.cpu_us - earlier.cpu_us,
            switches: self.switches.saturating_sub(earlier.switches),
        }
    }
}

struct Stat {
    parent: u32,
    own_ticks: u64,
    waited_ticks: u64,
}

impl Stat {
    fn read(pid: u32) -> Option<Self> {
        let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name stands in brackets and may hold anything.
        let fields: Vec<u64> = text[text.rfind(')')? + 2..]
            .split_whitespace()
            .skip(1)
            .map(|field| field.parse().unwrap_or_default())
            .collect();
        Some(Self {
            parent: u32::try_from(fields[0]).ok()?,
            own_ticks: fields[10] + fields[11],
            waited_ticks: fields[12] + fields[13],
        })
    }
}

fn children(parent: u32) -> BTreeMap<u32, Stat> {
    let processes = std::fs::read_dir("/proc").expect("Linux's /proc");
    processes
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid| Some((pid, Stat::read(pid)?)))
        .filter(|(_, stat)| stat.parent == parent)
        .collect()
}

/// Places a process and its children.
pub(crate) fn pin_family(parent: u32, processors: &str) {
    pin(parent, processors);
    for child in children(parent).into_keys() {
        pin(child, processors);
    }
}

/// Resident memory of a process, in MB: now, and at its highest.
pub(crate) fn memory_mb(pid: u32) -> (f64, f64) {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process that lives");
    let megabytes = |name| field(&status, name) as f64 * 1024.0 / 1e6;
    (megabytes("VmRSS:"), megabytes("VmHWM:"))
}

fn field(status: &str, name: &str) -> u64 {
    status
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
        .unwrap_or_default()
}

/// Processor time of the calling thread, in nanoseconds.
pub(crate) fn thread_cpu_ns() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux's /proc");
    let spent = text.split_whitespace().next().and_then(|text| text.parse().ok());
    spent.expect("nanoseconds")
}

/// Busy and whole time of each processor so far, in ticks.
#[derive(Clone, Debug)]
pub(crate) struct Processors(Vec<(u64, u64)>);

impl Processors {
    /// Now.
    pub(crate) fn now() -> Self {
        let stat = std::fs::read_to_string("/proc/stat").expect("Linux's /proc");
        let times = stat
            .lines()
            .filter(|line| line.starts_with("cpu") && !line.starts_with("cpu "))
            .map(|line| {
                let times: Vec<u64> = line.split_whitespace().skip(1).flat_map(str::parse).collect();
                let whole: u64 = times.iter().take(8).sum();
                (whole - times[3] - times[4], whole)
            })
            .collect();
        Self(times)
    }

    /// The share of the time since `earlier` in which each was busy.
    pub(crate) fn busy_since(&self, earlier: &Self) -> Vec<f64> {
        let pairs = self.0.iter().zip(&earlier.0);
        pairs
            .map(|(now, then)| (now.0 - then.0) as f64 / (now.1 - then.1).max(1) as f64)
            .collect()
    }
}

/// The load average of the last minute.
pub(crate) fn load_average() -> f64 {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let first = text.split_whitespace().next().and_then(|text| text.parse().ok());
    first.unwrap_or_default()
}
