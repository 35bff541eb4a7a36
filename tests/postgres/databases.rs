//! Databases in a cluster: templates, copies, names, addresses. Most of these tests share one, as the
//! tests of everything else do.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use sqlx::{Connection as _, PgConnection};
use weir::dev::postgres::{Cluster, Error};

use crate::room::{PATIENCE, home, project};

async fn shared() -> Cluster {
    Cluster::scratch(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("postgres"))
        .await
        .unwrap()
}

/// Of this run of this test: the cluster may still be that of the run before.
fn fingerprint(migrations: &str) -> String {
    format!("{migrations} {}", std::process::id())
}

async fn build(url: String) -> Result<(), Error> {
    let mut connection = PgConnection::connect(&url).await.unwrap();
    sqlx::raw_sql("create table goods (id int primary key)")
        .execute(&mut connection)
        .await
        .unwrap();
    connection.close().await.unwrap();
    Ok(())
}

#[tokio::test]
async fn template_is_built_once_and_copied_for_each_test() {
    let cluster = shared().await;
    let builds = AtomicU32::new(0);
    let counted = |url| {
        builds.fetch_add(1, Ordering::Relaxed);
        build(url)
    };
    let first = fingerprint("migrations 1");
    let asked = tokio::join!(
        cluster.template(&first, counted),
        cluster.template(&first, counted),
        cluster.template(&first, counted),
    );
    let template = asked.0.unwrap();
    assert_eq!((&asked.1.unwrap(), &asked.2.unwrap()), (&template, &template));
    assert_eq!(builds.load(Ordering::Relaxed), 1);
    let second = cluster
        .template(&fingerprint("migrations 2"), build)
        .await
        .unwrap();
    assert_ne!(second, template);

    let copies = tokio::join!(
        cluster.fresh_database(&template),
        cluster.fresh_database(&template)
    );
    let (one, other) = (copies.0.unwrap(), copies.1.unwrap());
    for name in [&one, &other] {
        let mut connection = PgConnection::connect(&cluster.url(name)).await.unwrap();
        sqlx::query("insert into goods values (1)")
            .execute(&mut connection)
            .await
            .unwrap();
        // Still connected: dropping cuts it off.
        cluster.drop_database(name).await.unwrap();
    }
    assert!(PgConnection::connect(&cluster.url(&one)).await.is_err());
}

#[tokio::test]
async fn failed_build_of_a_template_is_repeated_from_nothing() {
    let cluster = shared().await;
    let failing = |url| async move {
        build(url).await?;
        Err(Error::Name("failed".to_owned()))
    };
    assert!(cluster.template(&fingerprint("failing"), failing).await.is_err());
    let template = cluster.template(&fingerprint("failing"), build).await.unwrap();
    assert!(cluster.fresh_database(&template).await.is_ok());
}

#[tokio::test]
async fn ensured_database_is_made_once_by_many() {
    let cluster = shared().await;
    let asked = tokio::join!(
        cluster.ensure_database("ensured"),
        cluster.ensure_database("ensured"),
        cluster.ensure_database("ensured"),
        cluster.ensure_database("ensured"),
    );
    for result in [asked.0, asked.1, asked.2, asked.3] {
        result.unwrap();
    }
    cluster.ensure_database("ensured").await.unwrap();
    cluster.drop_database("ensured").await.unwrap();
    cluster.drop_database("ensured").await.unwrap();
}

#[tokio::test]
async fn only_plain_names_are_taken() {
    let cluster = shared().await;
    let long = "a".repeat(64);
    for name in [
        "",
        "1a",
        "Weir",
        "a-b",
        "a\"; drop database postgres; --",
        "ü",
        &long,
    ] {
        let error = cluster.ensure_database(name).await.unwrap_err();
        assert!(matches!(error, Error::Name(_)), "{name}: {error}");
    }
    // Reserved in SQL, but a name all the same.
    cluster.ensure_database("user").await.unwrap();
}

#[tokio::test]
async fn address_serves_sqlx_and_psql_in_folders_with_awkward_names() {
    for name in ["a b %41 é ", "a,b", "\"a\""] {
        address_serves_sqlx_and_psql(name).await;
    }
}

async fn address_serves_sqlx_and_psql(name: &str) {
    let project = project();
    let cluster = Cluster::scratch(&project.path().join(name)).await.unwrap();
    let mut connection = PgConnection::connect(&cluster.url("postgres")).await.unwrap();
    let role: String = sqlx::query_scalar("select current_user::text")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(role, "weir");
    if let Ok(output) = Command::new("psql")
        .args([&cluster.url("postgres"), "-Atc", "show server_encoding"])
        .env("PGPORT", "1")
        .output()
    {
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(said.trim(), "UTF8", "{}", String::from_utf8_lossy(&output.stderr));
    }
    cluster.stop().await.unwrap();
}

/// A bound for a machine that does something else besides; the figures are printed with `--nocapture`.
#[tokio::test]
async fn start_join_and_copy_are_quick() {
    let project = project();
    let start = Instant::now();
    let cluster = Cluster::scratch(&home(&project)).await.unwrap();
    let cold = start.elapsed();
    let start = Instant::now();
    let joined = Cluster::scratch(&home(&project)).await.unwrap();
    let join = start.elapsed();
    let template = cluster.template("speed", build).await.unwrap();
    let start = Instant::now();
    // The first one also writes out what the making of the template left to write.
    joined.fresh_database(&template).await.unwrap();
    let first = start.elapsed();
    let start = Instant::now();
    let name = joined.fresh_database(&template).await.unwrap();
    let copy = start.elapsed();
    let start = Instant::now();
    joined.drop_database(&name).await.unwrap();
    let dropping = start.elapsed();
    println!("cold {cold:?}, join {join:?}, copies {first:?} {copy:?}, drop {dropping:?}");
    assert!(cold + join + copy < PATIENCE);
    drop(joined);
    cluster.stop().await.unwrap();
}
