//! `weir migrate`: once, again, and two at the same moment.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::process::getpid;
use sqlx::{Connection as _, Executor as _, PgConnection};
use weir::dev::postgres::Cluster;

use crate::program::{Program, command, complaint, folder, run};
use crate::serve::serve;

static DATABASES: AtomicU32 = AtomicU32::new(0);

/// Gives the address of an empty database, which is gone afterwards.
pub(crate) fn with_database(work: impl FnOnce(&str)) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let cluster = runtime.block_on(Cluster::of_tests(project)).unwrap();
    let number = DATABASES.fetch_add(1, Ordering::Relaxed);
    let name = format!("process_{}_{number}", getpid().as_raw_nonzero());
    runtime.block_on(cluster.drop_database(&name)).unwrap();
    runtime.block_on(cluster.ensure_database(&name)).unwrap();
    work(&cluster.url(&name));
    runtime.block_on(cluster.drop_database(&name)).unwrap();
}

/// Runs statements that change a database.
pub(crate) fn execute(url: &str, statements: &'static str) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let mut connection = PgConnection::connect(url).await.unwrap();
        connection.execute(statements).await.unwrap();
        connection.close().await.unwrap();
    });
}

fn migrate(folder: &Path, database_url: &str) -> Command {
    let mut command = command(folder, &["migrate"]);
    command.env("DATABASE_URL", database_url);
    command
}

#[test]
fn it_needs_the_database_alone_and_may_be_repeated() {
    with_database(|url| {
        let folder = folder();
        for _ in 0..2 {
            let output = run(&mut migrate(folder.path(), url));
            assert!(output.status.success(), "{}", complaint(&output));
            assert!(String::from_utf8_lossy(&output.stdout).contains("has every migration"));
        }
    });
}

#[test]
fn several_at_once_do_not_disturb_each_other() {
    with_database(|url| {
        let folder = folder();
        let mut started: Vec<Program> = (0..4)
            .map(|_| Program::start(migrate(folder.path(), url)))
            .collect();
        for program in &mut started {
            program.line_with("has every migration");
            assert!(program.status().success());
        }
    });
}

/// As `createdb` makes one where the system speaks no UTF-8.
#[test]
fn a_database_that_cannot_keep_every_text_is_neither_migrated_nor_served() {
    with_database(|url| {
        execute(
            url,
            "update pg_database set encoding = pg_char_to_encoding('LATIN1') where datname = current_database()",
        );
        let folder = folder();
        for mut start in [
            migrate(folder.path(), url),
            serve(folder.path(), url, &[]),
            serve(folder.path(), url, &["--migrate"]),
        ] {
            let output = run(&mut start);
            assert_eq!(output.status.code(), Some(1));
            let complaint = complaint(&output);
            assert!(
                complaint.contains("encoding is LATIN1") && complaint.contains("--encoding=UTF8"),
                "{complaint}"
            );
        }
    });
}

#[test]
fn without_an_address_it_says_which_setting_it_needs() {
    let folder = folder();
    let output = run(&mut command(folder.path(), &["migrate"]));
    assert_eq!(output.status.code(), Some(2));
    assert!(complaint(&output).contains("DATABASE_URL"));
}
