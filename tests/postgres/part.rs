//! Other processes: this test program runs itself again and plays a user of a cluster there.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::signal::unix::{SignalKind, signal};
use weir::dev::postgres::Cluster;

use crate::room::{pid, server};

const KIND: &str = "WEIR_TEST_CLUSTER_KIND";
const FOLDER: &str = "WEIR_TEST_CLUSTER_FOLDER";

/// How a part ends that was interrupted.
pub(crate) const INTERRUPTED: i32 = 130;

/// Not a test: what the other process runs. Says `READY SERVER HOME`, then waits for a line on its
/// standard input; `stop` stops the cluster, the end of the input ends the process.
#[tokio::test]
async fn plays_the_part_of_another_process() {
    let (Some(kind), Some(folder)) = (std::env::var_os(KIND), std::env::var_os(FOLDER)) else {
        return;
    };
    let folder = PathBuf::from(folder);
    let opened = if kind == "durable" {
        Cluster::durable(&folder).await
    } else {
        Cluster::scratch(&folder).await
    };
    let cluster = opened.unwrap();
    let rows = crate::room::add_row(&cluster, "shared").await;
    let (server, home) = (server(&cluster).as_raw_nonzero(), cluster.folder().display());
    // Heard by hand, since whoever runs tests in the background may have them ignore it.
    let mut interrupt = signal(SignalKind::interrupt()).unwrap();
    println!("\nREADY {server} {rows} {home}");
    let said = tokio::task::spawn_blocking(|| std::io::read_to_string(std::io::stdin().take(5)));
    let line = tokio::select! {
        line = said => line.unwrap().unwrap(),
        _ = interrupt.recv() => std::process::exit(INTERRUPTED),
    };
    if line.trim() == "stop" {
        cluster.stop().await.unwrap();
        println!("\nSTOPPED");
    }
}

/// A user of a cluster in another process, which leads a process group of its own.
pub(crate) struct Part {
    process: Child,
    said: BufReader<ChildStdout>,
}

/// What a part says when it is in.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) server: Pid,
    pub(crate) rows: i64,
    pub(crate) home: PathBuf,
}

impl Part {
    pub(crate) fn start(kind: &str, folder: &Path) -> Self {
        Self::start_as(&std::env::current_exe().unwrap(), kind, folder, None)
    }

    pub(crate) fn start_as(program: &Path, kind: &str, folder: &Path, account: Option<(u32, u32)>) -> Self {
        let mut command = Command::new(program);
        command.args([
            "--exact",
            "part::plays_the_part_of_another_process",
            "--nocapture",
        ]);
        command
            .env(KIND, kind)
            .env(FOLDER, folder)
            .current_dir("/")
            .process_group(0);
        if let Some((uid, gid)) = account {
            command.uid(uid).gid(gid);
        }
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit());
        let mut process = command.spawn().unwrap();
        let said = BufReader::new(process.stdout.take().unwrap());
        Self { process, said }
    }

    pub(crate) fn ready(&mut self) -> Ready {
        let line = self.line_with("READY ");
        let mut words = line.splitn(3, ' ');
        let server = pid(words.next().unwrap());
        let rows = words.next().unwrap().parse().unwrap();
        Ready {
            server,
            rows,
            home: PathBuf::from(words.next().unwrap()),
        }
    }

    fn line_with(&mut self, mark: &str) -> String {
        for line in self.said.by_ref().lines() {
            if let Some((_, rest)) = line.unwrap().split_once(mark) {
                return rest.to_owned();
            }
        }
        panic!("the other process ended without saying {mark}");
    }

    pub(crate) fn id(&self) -> Pid {
        Pid::from_child(&self.process)
    }

    /// Stops the cluster in the proper way and ends.
    pub(crate) fn stop(mut self) {
        self.process.stdin.take().unwrap().write_all(b"stop\n").unwrap();
        self.line_with("STOPPED");
        assert!(self.process.wait().unwrap().success());
    }

    /// Ends without a word to the cluster.
    pub(crate) fn end(mut self) {
        drop(self.process.stdin.take());
        assert!(self.process.wait().unwrap().success());
    }

    pub(crate) fn kill(&mut self) -> ExitStatus {
        self.process.kill().unwrap();
        self.process.wait().unwrap()
    }

    /// What Ctrl-C in a terminal does.
    pub(crate) fn interrupt(&mut self) -> ExitStatus {
        kill_process_group(self.id(), Signal::INT).unwrap();
        // Waiting would close it, and the part would end for that.
        let _input = self.process.stdin.take();
        self.process.wait().unwrap()
    }

    /// Everything it still has to say, up to the moment when nobody holds its output open any more.
    pub(crate) fn rest_of_output(mut self) -> String {
        let mut text = String::new();
        self.said.read_to_string(&mut text).unwrap();
        text
    }
}
