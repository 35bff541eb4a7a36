//! A folder for one test, and what can be seen of servers from outside.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, getpgid, kill_process, kill_process_group, test_kill_process};
use tempfile::TempDir;
use weir::dev::postgres::{Cluster, Machine};

/// Nothing here takes longer on a healthy machine, however busy.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);

/// A project folder, reachable by every user.
pub(crate) fn project() -> TempDir {
    let folder = TempDir::new().unwrap();
    set_mode(folder.path(), 0o755);
    folder
}

pub(crate) fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, PermissionsExt::from_mode(mode)).unwrap();
}

pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// This computer, with folders of the test for what lies outside the project.
pub(crate) fn machine_with(temp: &Path, state: &Path) -> Machine {
    Machine {
        temp: temp.to_owned(),
        state: state.to_owned(),
        ..Machine::this()
    }
}

/// The process of the cluster's server.
pub(crate) fn server(cluster: &Cluster) -> Pid {
    server_in(cluster.folder())
}

pub(crate) fn server_in(home: &Path) -> Pid {
    let said = std::fs::read_to_string(home.join("data/postmaster.pid")).unwrap();
    pid(said.lines().next().unwrap())
}

pub(crate) fn pid(text: &str) -> Pid {
    Pid::from_raw(text.trim().parse().unwrap()).unwrap()
}

pub(crate) fn is_alive(process: Pid) -> bool {
    test_kill_process(process).is_ok()
}

/// The guardian leads the process group in which its server is.
pub(crate) fn guardian_of(server: Pid) -> Pid {
    getpgid(Some(server)).unwrap()
}

pub(crate) fn kill(process: Pid) {
    kill_process(process, Signal::KILL).unwrap();
}

/// What the loss of the machine leaves: guardian and server dead, nothing cleaned up.
pub(crate) fn kill_guardian_and_server(server: Pid) {
    kill_process_group(guardian_of(server), Signal::KILL).unwrap();
    until("the server is dead", || !is_alive(server));
}

/// Looks again and again until `is_so`.
pub(crate) fn until(what: &str, is_so: impl Fn() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The names in a folder, sorted; empty if there is no such folder.
pub(crate) fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Where clusters of a project lie.
pub(crate) fn home(project: &TempDir) -> PathBuf {
    project.path().join(".weir/cluster")
}

/// Puts a row into a database and reads all rows back.
pub(crate) async fn add_row(cluster: &Cluster, database: &str) -> i64 {
    use sqlx::Connection as _;
    cluster.ensure_database(database).await.unwrap();
    let mut connection = sqlx::PgConnection::connect(&cluster.url(database)).await.unwrap();
    sqlx::raw_sql(
        "select pg_advisory_xact_lock(1); create table if not exists memories (id bigserial); \
         insert into memories default values",
    )
    .execute(&mut connection)
    .await
    .unwrap();
    let rows = sqlx::query_scalar("select count(*) from memories")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    rows
}
