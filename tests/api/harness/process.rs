//! A server in a process of its own, which can be killed.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use super::{Replica, Shop, log, secret};

pub(crate) struct Server {
    process: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts the built program for a shop, and waits until it serves. What it says is looked through when the shop
    /// closes; it has to be dead by then.
    pub(crate) async fn start(shop: &Shop, variables: &BTreeMap<&'static str, String>) -> Self {
        let folder = std::env::temp_dir();
        let mut process = Command::new(env!("CARGO_BIN_EXE_weir"))
            .arg("serve")
            .current_dir(folder)
            .env_clear()
            .envs(variables)
            .env("LOG_FORMAT", "json")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let mut said = Vec::new();
        let address = loop {
            let Some(line) = lines.next_line().await.unwrap() else {
                panic!("a server did not start: {}", said.join("\n"));
            };
            let serving = line.contains("\"serving\"").then(|| log::parsed(&line));
            said.push(line);
            if let Some(serving) = serving {
                break serving["address"].as_str().unwrap().parse().unwrap();
            }
        };
        let listening = tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                said.push(line);
            }
            said
        });
        shop.processes.lock().unwrap().push(listening);
        Self { process, address }
    }

    /// The number of its process.
    pub(crate) fn id(&self) -> u32 {
        self.process.id().unwrap()
    }

    /// A figure that the system keeps of it, in KiB, such as `VmHWM`, the most memory it had; nothing where
    /// the system keeps none.
    pub(crate) fn memory_kib(&self, figure: &str) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix(figure))?;
        line.split_whitespace().nth(1)?.parse().ok()
    }

    /// Has it die, without waiting for that.
    pub(crate) fn send_kill(&self) {
        let process = Pid::from_raw(self.id().try_into().unwrap()).unwrap();
        kill_process(process, Signal::KILL).unwrap();
    }

    /// Whether it has ended.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.process.try_wait().unwrap().is_some()
    }

    /// Waits for its end; tells whether somebody killed it.
    pub(crate) async fn died_killed(&mut self) -> bool {
        self.process.wait().await.unwrap().signal() == Some(9)
    }

    /// Ends it as a crash would; tells whether that was what ended it.
    pub(crate) async fn kill(mut self) -> bool {
        self.process.start_kill().unwrap();
        self.died_killed().await
    }
}

impl Shop {
    /// No server in a process of its own told a secret, panicked, or logged an error that was not announced.
    pub(super) async fn assert_processes_quiet(&self) {
        let processes = std::mem::take(&mut *self.processes.lock().unwrap());
        let mut lines = Vec::new();
        for listening in processes {
            lines.extend(listening.await.unwrap());
        }
        secret::assert_untold_by(self, &lines).await;
        log::assert_orderly(&lines, &self.announced.lock().unwrap());
    }

    /// Takes a server in a process of its own for one of the shop's.
    pub(crate) fn adopt(&self, server: &Server) {
        self.replicas.lock().unwrap().push(Replica {
            address: server.address,
            app: None,
        });
    }
}
