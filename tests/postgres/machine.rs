//! Other computers and other users: which programs are taken, which folder, and as whom.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use weir::dev::postgres::{Cluster, Error, Install, Machine};

use crate::part::Part;
use crate::room::{add_row, home, is_alive, is_root, machine_with, names_in, project, set_mode, until};

/// A computer on which only `path` is searched, and then `installs`.
fn machine_that_searches(path: &Path, installs: Vec<Install>) -> Machine {
    Machine {
        search_path: path.as_os_str().to_owned(),
        installs,
        ..Machine::this()
    }
}

/// Programs that say they are of `version`; their `initdb` fails and says so, too.
fn pretend_install(folder: &Path, version: &str) {
    std::fs::create_dir_all(folder).unwrap();
    let postgres = format!("#!/bin/sh\necho 'postgres (PostgreSQL) {version} (Pretended 1)'\n");
    let initdb = format!("#!/bin/sh\necho 'this is the initdb of {version}' >&2\nexit 3\n");
    for (name, text) in [("postgres", postgres), ("initdb", initdb)] {
        write_program(&folder.join(name), &text);
    }
}

/// Writes a program, by a child: a file that this process wrote cannot be run for as long as a child of some other
/// test, begun just then, has it open.
fn write_program(path: &Path, text: &str) {
    let script = "printf '%s' \"$1\" > \"$2\" && chmod 755 \"$2\"";
    let writing = Command::new("sh")
        .args(["-c", script, "sh", text])
        .arg(path)
        .status();
    assert!(writing.unwrap().success());
}

#[tokio::test]
async fn absent_programs_are_reported_with_the_commands_that_install_them() {
    let project = project();
    let machine = machine_that_searches(project.path(), Vec::new());
    let error = Cluster::scratch_on(&machine, &home(&project)).await.unwrap_err();
    assert!(matches!(error, Error::NoPrograms { .. }), "{error}");
    for command in [
        "apt-get install -y postgresql",
        "dnf install -y postgresql-server",
        "apk add postgresql",
        "brew install postgresql",
        "DATABASE_URL",
    ] {
        assert!(error.to_string().contains(command), "{error}");
    }
}

#[tokio::test]
async fn too_old_broken_and_partial_installations_are_passed_over_with_the_reason() {
    let project = project();
    let folder = |name| project.path().join(name);
    pretend_install(&folder("old"), "13.22");
    pretend_install(&folder("ancient"), "9.6.24");
    pretend_install(&folder("broken"), "15.1");
    write_program(&folder("broken").join("postgres"), "#!/bin/sh\nexit 7\n");
    pretend_install(&folder("partial"), "15.1");
    std::fs::remove_file(folder("partial").join("initdb")).unwrap();
    let path = ["old", "ancient", "broken", "partial"].map(folder);
    let path = PathBuf::from(std::env::join_paths(path).unwrap());
    let machine = machine_that_searches(&path, Vec::new());
    let text = Cluster::scratch_on(&machine, &home(&project))
        .await
        .unwrap_err()
        .to_string();
    for reason in [
        "old: is PostgreSQL 13",
        "ancient: is PostgreSQL 9",
        "broken: exit status: 7",
    ] {
        assert!(text.contains(reason), "{text}");
    }
    assert!(text.contains("partial: has no initdb"), "{text}");
}

#[tokio::test]
async fn newest_of_the_versions_side_by_side_is_taken() {
    let project = project();
    let parent = project.path().join("versions");
    for version in ["9.6", "13", "16", "14"] {
        pretend_install(&parent.join(format!("pg-{version}/bin")), &format!("{version}.1"));
    }
    std::fs::create_dir(parent.join("pg-common")).unwrap();
    let install = Install {
        parent,
        prefix: "pg-",
        below: "bin",
    };
    let machine = machine_that_searches(&project.path().join("none"), vec![install]);
    let error = Cluster::scratch_on(&machine, &home(&project)).await.unwrap_err();
    assert!(matches!(error, Error::Program { .. }), "{error}");
    assert!(
        error.to_string().contains("this is the initdb of 16.1"),
        "{error}"
    );
}

#[tokio::test]
async fn search_path_comes_before_the_known_folders() {
    let project = project();
    let parent = project.path().join("versions");
    pretend_install(&parent.join("17/bin"), "17.0");
    pretend_install(&project.path().join("path"), "14.0");
    let install = Install {
        parent,
        prefix: "",
        below: "bin",
    };
    let machine = machine_that_searches(&project.path().join("path"), vec![install]);
    let error = Cluster::scratch_on(&machine, &home(&project)).await.unwrap_err();
    assert!(
        error.to_string().contains("this is the initdb of 14.0"),
        "{error}"
    );
}

#[tokio::test]
async fn folder_that_pg_config_names_is_taken() {
    let project = project();
    let (path, programs) = (project.path().join("path"), project.path().join("programs"));
    pretend_install(&programs, "18beta1");
    std::fs::create_dir(&path).unwrap();
    let script = format!(
        "#!/bin/sh\n[ \"$1\" = --bindir ] && echo '{}'\n",
        programs.display()
    );
    write_program(&path.join("pg_config"), &script);
    let machine = machine_that_searches(&path, Vec::new());
    let error = Cluster::scratch_on(&machine, &home(&project)).await.unwrap_err();
    assert!(
        error.to_string().contains("this is the initdb of 18beta1"),
        "{error}"
    );
}

#[tokio::test]
async fn tests_have_their_databases_in_memory_where_there_is_room() {
    let (at, memory) = (project(), project());
    set_mode(memory.path(), 0o1777);
    let with = |memory: &Path| Machine {
        memory: memory.to_owned(),
        ..Machine::this()
    };
    // A file system of no size, and none.
    for without in [Path::new("/sys"), &memory.path().join("none")] {
        let cluster = Cluster::of_tests_on(&with(without), at.path()).await.unwrap();
        let home = at.path().canonicalize().unwrap().join(".weir/test-postgres");
        assert_eq!(cluster.folder(), home);
        cluster.stop().await.unwrap();
    }
    let cluster = Cluster::of_tests_on(&with(memory.path()), at.path())
        .await
        .unwrap();
    assert!(
        cluster
            .folder()
            .starts_with(memory.path().canonicalize().unwrap())
    );
    assert_eq!(add_row(&cluster, "weir").await, 1);
    cluster.stop().await.unwrap();
    assert_eq!(names_in(memory.path()), Vec::<String>::new());
}

#[tokio::test]
async fn project_that_the_server_cannot_reach_gets_folders_elsewhere() {
    let (closed, temp, state) = (project(), project(), project());
    // For root, a project that its server's user cannot enter; for others, one they cannot write to.
    set_mode(closed.path(), if is_root() { 0o700 } else { 0o500 });
    let machine = machine_with(temp.path(), state.path());

    let cluster = Cluster::scratch_on(&machine, &home(&closed)).await.unwrap();
    assert!(cluster.folder().starts_with(temp.path().canonicalize().unwrap()));
    assert_eq!(add_row(&cluster, "weir").await, 1);
    cluster.stop().await.unwrap();

    let durable = Cluster::durable_on(&machine, &home(&closed)).await;
    if is_root() {
        let cluster = durable.unwrap();
        assert!(cluster.folder().starts_with(state.path().canonicalize().unwrap()));
        assert_eq!(add_row(&cluster, "weir").await, 1);
        cluster.stop().await.unwrap();
        let cluster = Cluster::durable_on(&machine, &home(&closed)).await.unwrap();
        assert_eq!(add_row(&cluster, "weir").await, 2);
        cluster.stop().await.unwrap();
        assert!(!home(&closed).exists());
    } else {
        let error = durable.unwrap_err();
        assert!(matches!(error, Error::NoFolder { .. }), "{error}");
    }
    set_mode(closed.path(), 0o755);
}

#[tokio::test]
async fn long_path_of_a_project_gets_a_short_one_for_the_socket() {
    let (project, temp) = (project(), project());
    let folder = (0..12).fold(home(&project), |path, _| path.join("a-rather-long-name"));
    let machine = machine_with(temp.path(), project.path());
    let cluster = Cluster::scratch_on(&machine, &folder).await.unwrap();
    assert_eq!(cluster.folder(), folder.canonicalize().unwrap());
    assert_eq!(add_row(&cluster, "weir").await, 1);
    assert_eq!(names_in(temp.path()).len(), 1);
    cluster.stop().await.unwrap();
    until("the folder of the socket is gone", || {
        names_in(temp.path()).is_empty() || is_root()
    });
}

#[tokio::test]
async fn folder_that_somebody_else_made_first_is_not_used() {
    if !is_root() {
        println!("only root can make a folder of another user: not shown here");
        return;
    }
    let (closed, temp) = (project(), project());
    set_mode(closed.path(), 0o700);
    let machine = machine_with(temp.path(), temp.path());
    let cluster = Cluster::scratch_on(&machine, &home(&closed)).await.unwrap();
    let folder = cluster.folder().to_owned();
    cluster.stop().await.unwrap();
    std::fs::remove_dir(&folder).ok();

    let stranger = machine_account(&machine, "nobody");
    std::fs::create_dir(&folder).unwrap();
    std::os::unix::fs::chown(&folder, Some(stranger.0), Some(stranger.1)).unwrap();
    let only_nobody_is_a_stranger = std::fs::read_to_string("/etc/passwd")
        .unwrap()
        .contains("\npostgres:");
    if only_nobody_is_a_stranger {
        let error = Cluster::scratch_on(&machine, &home(&closed)).await.unwrap_err();
        assert!(error.to_string().contains("belongs to user"), "{error}");
    }
}

#[tokio::test]
async fn root_without_an_ordinary_user_is_told_so() {
    if !is_root() {
        println!("only root needs another user: not shown here");
        return;
    }
    let project = project();
    let accounts = project.path().join("passwd");
    std::fs::write(&accounts, "root:x:0:0:root:/root:/bin/bash\n").unwrap();
    let machine = Machine {
        accounts,
        ..Machine::this()
    };
    let error = Cluster::scratch_on(&machine, &home(&project)).await.unwrap_err();
    assert!(matches!(error, Error::NoAccount { .. }), "{error}");
}

#[test]
fn ordinary_user_runs_the_server_as_itself_and_root_joins_its_data() {
    if !is_root() {
        println!("every other test shows the ordinary user: not shown again");
        return;
    }
    let project = project();
    let account = machine_account(&Machine::this(), "nobody");
    std::os::unix::fs::chown(project.path(), Some(account.0), Some(account.1)).unwrap();
    let program = copy_of_this_program(&project);
    for kind in ["scratch", "durable"] {
        let folder = project.path().join(kind);
        let mut user = Part::start_as(&program, kind, &folder, Some(account));
        let ready = user.ready();
        assert_eq!(ready.home, folder.canonicalize().unwrap());
        let owner = std::fs::metadata(ready.home.join("data")).unwrap();
        assert_eq!((owner.uid(), owner.gid()), account);
        user.kill();
        until("the server is gone", || !is_alive(ready.server));
    }
    // Kept data stay with the user who made them, also when root uses them in between.
    let mut root = Part::start("durable", &project.path().join("durable"));
    assert_eq!(root.ready().rows, 2);
    root.stop();
    let mut user = Part::start_as(
        &program,
        "durable",
        &project.path().join("durable"),
        Some(account),
    );
    assert_eq!(user.ready().rows, 3);
    user.stop();
}

/// Where that user can run it; a child writes it, as in [`write_program`].
fn copy_of_this_program(project: &TempDir) -> PathBuf {
    let program = project.path().join("program");
    let copying = Command::new("cp")
        .arg(std::env::current_exe().unwrap())
        .arg(&program)
        .status();
    assert!(copying.unwrap().success());
    set_mode(&program, 0o755);
    program
}

fn machine_account(machine: &Machine, name: &str) -> (u32, u32) {
    let text = std::fs::read_to_string(&machine.accounts).unwrap();
    let line = text
        .lines()
        .find(|line| line.starts_with(&format!("{name}:")))
        .unwrap();
    let numbers: Vec<u32> = line.split(':').filter_map(|field| field.parse().ok()).collect();
    (numbers[0], numbers[1])
}
