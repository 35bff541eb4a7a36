//! Several processes: they share one server, it goes with the last of them, and nothing of it hangs
//! on to anybody.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::time::Duration;

use weir::dev::postgres::Cluster;

use crate::part::{INTERRUPTED, Part};
use crate::room::{add_row, home, is_alive, names_in, project, server_in, until};

#[test]
fn processes_of_one_checkout_share_a_server_until_the_last_is_killed() {
    let project = project();
    let mut first = Part::start("scratch", &home(&project));
    let server = first.ready().server;
    let mut second = Part::start("scratch", &home(&project));
    let ready = second.ready();
    assert_eq!((ready.server, ready.rows), (server, 2));

    assert_eq!(first.kill().signal(), Some(9));
    let mut third = Part::start("scratch", &home(&project));
    assert_eq!(
        third.ready().server,
        server,
        "the first one's death ended the server"
    );
    third.end();
    second.kill();
    until("the server is gone", || !is_alive(server));
    until("its files are gone", || names_in(&ready.home).is_empty());
}

#[test]
fn many_at_the_same_instant_start_one_server() {
    let project = project();
    let mut parts: Vec<Part> = (0..6).map(|_| Part::start("scratch", &home(&project))).collect();
    let servers: Vec<_> = parts.iter_mut().map(|part| part.ready().server).collect();
    assert!(servers.iter().all(|server| *server == servers[0]), "{servers:?}");
    for part in &mut parts {
        part.kill();
    }
    until("the server is gone", || !is_alive(servers[0]));
}

#[test]
fn next_test_program_finds_the_server_of_the_one_before() {
    let project = project();
    let mut first = Part::start("scratch", &home(&project));
    let server = first.ready().server;
    first.end();
    let mut second = Part::start("scratch", &home(&project));
    assert_eq!(second.ready().server, server);
    second.stop();
    assert!(!is_alive(server));
}

#[tokio::test]
async fn killed_user_of_a_durable_cluster_leaves_it_shut_down_in_order() {
    let project = project();
    let mut user = Part::start("durable", &home(&project));
    let server = user.ready().server;
    user.kill();
    until("the server is gone", || !is_alive(server));
    starts_without_recovery(&home(&project)).await;
}

#[tokio::test]
async fn interrupt_of_the_users_process_group_does_not_reach_the_server() {
    let project = project();
    let mut user = Part::start("durable", &home(&project));
    let server = user.ready().server;
    assert_eq!(user.interrupt().code(), Some(INTERRUPTED));
    until("the server is gone", || !is_alive(server));
    starts_without_recovery(&home(&project)).await;
}

async fn starts_without_recovery(home: &Path) {
    let cluster = Cluster::durable(home).await.unwrap();
    let log = cluster.log_tail();
    assert!(log.contains("database system was shut down at"), "{log}");
    assert_eq!(add_row(&cluster, "shared").await, 2);
    cluster.stop().await.unwrap();
}

#[test]
fn processes_that_come_and_go_at_the_same_moment_do_not_fight() {
    for kind in ["durable", "scratch"] {
        let project = project();
        let mut parts = vec![Part::start(kind, &home(&project))];
        for _ in 0..3 {
            let mut old = parts.pop().unwrap();
            old.ready();
            // These two arrive while the old one is on its way out.
            parts.extend([
                Part::start(kind, &home(&project)),
                Part::start(kind, &home(&project)),
            ]);
            old.stop();
            let mut one = parts.pop().unwrap();
            one.ready();
            one.kill();
        }
        for mut part in parts {
            part.ready();
            part.stop();
        }
        until("the cluster is gone", || !home(&project).join("door").exists());
    }
}

#[test]
fn other_checkout_has_another_server() {
    let (here, there) = (project(), project());
    let mut one = Part::start("scratch", &home(&here));
    let mut other = Part::start("scratch", &home(&there));
    assert_ne!(one.ready().server, other.ready().server);
    one.stop();
    other.stop();
}

#[test]
fn output_of_a_user_ends_with_the_user_and_not_with_the_server() {
    let project = project();
    let mut first = Part::start("scratch", &home(&project));
    let server = first.ready().server;
    let mut second = Part::start("scratch", &home(&project));
    second.ready();
    first.kill();
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || sender.send(first.rest_of_output()));
    assert!(
        receiver.recv_timeout(Duration::from_mins(1)).is_ok(),
        "somebody holds the output open"
    );
    assert!(is_alive(server));
    second.stop();
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn descriptors_of_the_cluster_reach_neither_the_server_nor_other_children() {
    let project = project();
    let cluster = Cluster::scratch(&home(&project)).await.unwrap();
    let server = server_in(cluster.folder());
    let of_server = open_files(&format!("/proc/{}/fd", server.as_raw_nonzero()));
    let output = std::process::Command::new("ls")
        .args(["-l", "/proc/self/fd"])
        .output()
        .unwrap();
    let of_child = String::from_utf8(output.stdout).unwrap();
    for name in ["door", "lock", "users"] {
        let path = cluster.folder().join(name).display().to_string();
        assert!(!of_server.contains(&path), "{of_server:?}");
        assert!(!of_child.contains(&path), "{of_child}");
    }
    cluster.stop().await.unwrap();
}

#[cfg(target_os = "linux")]
fn open_files(folder: &str) -> Vec<String> {
    let links = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    links
        .map(|link| std::fs::read_link(link).unwrap().display().to_string())
        .collect()
}
