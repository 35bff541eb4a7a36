//! A cluster from its start to its end, by one process.

use std::fs::File;
use std::io::Write as _;
use std::process::Command;

use weir::dev::postgres::{Cluster, Error};

use crate::room::{
    add_row, guardian_of, home, is_alive, is_root, kill, kill_guardian_and_server, names_in, project, server,
    until,
};

#[tokio::test]
async fn durable_data_survive_stop_and_start() {
    let project = project();
    let cluster = Cluster::durable(&home(&project)).await.unwrap();
    assert_eq!(add_row(&cluster, "weir").await, 1);
    let first = server(&cluster);
    cluster.stop().await.unwrap();
    assert!(!is_alive(first));

    let cluster = Cluster::durable(&home(&project)).await.unwrap();
    assert_eq!(add_row(&cluster, "weir").await, 2);
    // It was shut down in order, so there was nothing to recover.
    assert!(
        cluster.log_tail().contains("database system was shut down"),
        "{}",
        cluster.log_tail()
    );
    cluster.stop().await.unwrap();
    assert_eq!(names_in(&home(&project)), ["data", "lock", "log", "users"]);
}

#[tokio::test]
async fn durable_cluster_flushes_and_scratch_cluster_does_not() {
    let project = project();
    let durable = Cluster::durable(&home(&project)).await.unwrap();
    let scratch = Cluster::scratch(&project.path().join("scratch")).await.unwrap();
    for setting in ["fsync", "synchronous_commit", "full_page_writes"] {
        assert_eq!(shown(&durable, setting).await, "on", "{setting}");
        assert_eq!(shown(&scratch, setting).await, "off", "{setting}");
    }
    for cluster in [durable, scratch] {
        assert_eq!(shown(&cluster, "listen_addresses").await, "");
        cluster.stop().await.unwrap();
    }
}

async fn shown(cluster: &Cluster, setting: &str) -> String {
    use sqlx::Connection as _;
    let mut connection = sqlx::PgConnection::connect(&cluster.url("postgres"))
        .await
        .unwrap();
    sqlx::query_scalar("select current_setting($1)")
        .bind(setting)
        .fetch_one(&mut connection)
        .await
        .unwrap()
}

#[tokio::test]
async fn immediate_stop_and_restart_recovers() {
    let project = project();
    let cluster = Cluster::durable(&home(&project)).await.unwrap();
    assert_eq!(add_row(&cluster, "weir").await, 1);
    let first = server(&cluster);
    cluster.stop_immediate().await.unwrap();
    assert!(!is_alive(first));
    assert!(cluster.ensure_database("weir").await.is_err());

    cluster.start_again().await.unwrap();
    assert_eq!(add_row(&cluster, "weir").await, 2);
    assert!(
        cluster.log_tail().contains("not properly shut down"),
        "{}",
        cluster.log_tail()
    );
    // Twice is once.
    let second = server(&cluster);
    cluster.start_again().await.unwrap();
    assert_eq!(server(&cluster), second);
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn stopped_scratch_cluster_leaves_nothing() {
    let project = project();
    let cluster = Cluster::scratch(&home(&project)).await.unwrap();
    let server = server(&cluster);
    cluster.stop().await.unwrap();
    assert!(!is_alive(server));
    // As root, the parent folder is root's, so the server's user can only empty its own.
    assert_eq!(names_in(&home(&project)), Vec::<String>::new());
    assert!(is_root() || !home(&project).exists());
}

#[tokio::test]
async fn server_without_a_guardian_is_taken_over() {
    let project = project();
    let cluster = Cluster::durable(&home(&project)).await.unwrap();
    assert_eq!(add_row(&cluster, "weir").await, 1);
    let orphan = server(&cluster);
    kill(guardian_of(orphan));
    drop(cluster);
    assert!(is_alive(orphan));

    let cluster = Cluster::durable(&home(&project)).await.unwrap();
    assert!(!is_alive(orphan));
    assert_eq!(add_row(&cluster, "weir").await, 2);
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_request_that_a_dying_guardian_has_torn_is_made_again() {
    let project = project();
    let cluster = Cluster::durable(&home(&project)).await.unwrap();
    assert_eq!(add_row(&cluster, "weir").await, 1);
    cluster.stop().await.unwrap();
    // What is asked next begins in the middle of another word.
    let door = home(&project).join("door");
    assert!(Command::new("mkfifo").arg(&door).status().unwrap().success());
    let mut torn = File::options().read(true).write(true).open(&door).unwrap();
    torn.write_all(b"p").unwrap();
    let cluster = Cluster::durable(&home(&project)).await.unwrap();
    drop(torn);
    assert_eq!(add_row(&cluster, "weir").await, 2);
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn server_without_a_guardian_is_stopped_by_its_last_user() {
    let project = project();
    let cluster = Cluster::scratch(&home(&project)).await.unwrap();
    let orphan = server(&cluster);
    kill(guardian_of(orphan));
    cluster.stop().await.unwrap();
    assert!(!is_alive(orphan));
}

#[tokio::test]
async fn cluster_of_a_lost_machine_recovers_although_its_process_number_is_taken() {
    let project = project();
    let cluster = Cluster::durable(&home(&project)).await.unwrap();
    assert_eq!(add_row(&cluster, "weir").await, 1);
    kill_guardian_and_server(server(&cluster));
    drop(cluster);
    // After the restart of a machine or container, the old number soon belongs to somebody else.
    let data = home(&project).join("data");
    let mut other = sleeper_of_the_owner_of(&data);
    let note = data.join("postmaster.pid");
    let said = std::fs::read_to_string(&note).unwrap();
    let (_, rest) = said.split_once('\n').unwrap();
    std::fs::write(&note, format!("{}\n{rest}", other.id())).unwrap();

    let cluster = Cluster::durable(&home(&project)).await.unwrap();
    assert!(other.try_wait().unwrap().is_none(), "a stranger was killed");
    other.kill().unwrap();
    other.wait().unwrap();
    assert_eq!(add_row(&cluster, "weir").await, 2);
    cluster.stop().await.unwrap();
}

fn sleeper_of_the_owner_of(folder: &std::path::Path) -> std::process::Child {
    use std::os::unix::fs::MetadataExt as _;
    use std::os::unix::process::CommandExt as _;
    let owner = std::fs::metadata(folder).unwrap();
    let mut command = Command::new("sleep");
    if is_root() {
        command.uid(owner.uid()).gid(owner.gid());
    }
    command.arg("60").spawn().unwrap()
}

#[tokio::test]
async fn scratch_cluster_of_a_lost_machine_is_replaced() {
    let project = project();
    let cluster = Cluster::scratch(&home(&project)).await.unwrap();
    assert_eq!(add_row(&cluster, "weir").await, 1);
    kill_guardian_and_server(server(&cluster));
    drop(cluster);
    let cluster = Cluster::scratch(&home(&project)).await.unwrap();
    assert_eq!(add_row(&cluster, "weir").await, 1);
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn half_finished_initdb_is_cleared_away() {
    let project = project();
    // As if it had been killed on its way.
    let unfinished = home(&project).join("data.new");
    std::fs::create_dir_all(unfinished.join("base")).unwrap();
    std::fs::write(unfinished.join("PG_VERSION"), "15\n").unwrap();
    let cluster = Cluster::durable(&home(&project)).await.unwrap();
    assert_eq!(add_row(&cluster, "weir").await, 1);
    assert!(!unfinished.exists());
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn dropped_cluster_is_stopped_by_its_guardian() {
    let project = project();
    let cluster = Cluster::durable(&home(&project)).await.unwrap();
    let server = server(&cluster);
    drop(cluster);
    until("the server is gone", || !is_alive(server));
}

#[tokio::test]
async fn server_that_cannot_start_says_why() {
    let project = project();
    let cluster = Cluster::durable(&home(&project)).await.unwrap();
    cluster.stop().await.unwrap();
    std::fs::write(
        home(&project).join("data/postgresql.conf"),
        "no_such_setting = on\n",
    )
    .unwrap();
    let error = Cluster::durable(&home(&project)).await.unwrap_err();
    assert!(matches!(error, Error::NotStarted { .. }), "{error}");
    assert!(error.to_string().contains("no_such_setting"), "{error}");
}

#[tokio::test]
async fn erased_data_are_gone_and_a_used_cluster_is_not_erased() {
    let project = project();
    let cluster = Cluster::durable(&home(&project)).await.unwrap();
    assert_eq!(add_row(&cluster, "weir").await, 1);
    let error = Cluster::erase(&home(&project)).await.unwrap_err();
    assert!(matches!(error, Error::InUse { .. }), "{error}");
    cluster.stop().await.unwrap();

    Cluster::erase(&home(&project)).await.unwrap();
    let cluster = Cluster::durable(&home(&project)).await.unwrap();
    assert_eq!(add_row(&cluster, "weir").await, 1);
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn data_of_another_version_are_refused_and_can_be_erased() {
    let project = project();
    std::fs::create_dir_all(home(&project).join("data")).unwrap();
    std::fs::write(home(&project).join("data/PG_VERSION"), "13\n").unwrap();
    let error = Cluster::durable(&home(&project)).await.unwrap_err();
    assert!(matches!(error, Error::OtherVersion { wanted: 13, .. }), "{error}");
    Cluster::erase(&home(&project)).await.unwrap();
    Cluster::durable(&home(&project))
        .await
        .unwrap()
        .stop()
        .await
        .unwrap();
}
