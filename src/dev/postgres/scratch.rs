//! Databases for tests: one template per set of migrations and cluster, one copy of it per test.

use std::sync::atomic::{AtomicU32, Ordering};

use sha2::{Digest, Sha256};

use super::Cluster;
use super::database::{exists, failed, is_duplicate};
use super::error::Error;

/// Any number will do: it names the lock under which a cluster's templates are made.
const TEMPLATE_LOCK: i64 = 0x7765_6972;

static COPIES: AtomicU32 = AtomicU32::new(0);

impl Cluster {
    /// The name of the template that `build` makes, once per cluster and `fingerprint`, however many
    /// processes ask at once. `fingerprint` stands for what `build` does: text that changes when the
    /// migrations do.
    ///
    /// `build` gets the URL of an empty database and has to be disconnected from it when it is done.
    /// If it fails or is killed, the next one starts with an empty database again.
    pub async fn template<Build, Work, E>(&self, fingerprint: &str, build: Build) -> Result<String, E>
    where
        Build: FnOnce(String) -> Work,
        Work: Future<Output = Result<(), E>>,
        E: From<Error>,
    {
        let mut digest = hex::encode(Sha256::digest(fingerprint));
        digest.truncate(16);
        let name = format!("template_{digest}");
        let what = || format!("cannot find the template {name}");
        let mut connection = self.administration().await?;
        if exists(&mut connection, &name).await.map_err(failed(what()))? {
            return Ok(name);
        }
        // Given back with the connection, also when this process is killed.
        sqlx::query("select pg_advisory_lock($1)")
            .bind(TEMPLATE_LOCK)
            .execute(&mut connection)
            .await
            .map_err(failed(what()))?;
        if exists(&mut connection, &name).await.map_err(failed(what()))? {
            return Ok(name);
        }
        let unfinished = format!("unfinished_{digest}");
        self.drop_database(&unfinished).await?;
        self.ensure_database(&unfinished).await?;
        build(self.url(&unfinished)).await?;
        self.seal_template(&unfinished, &name).await?;
        Ok(name)
    }

    /// A new database that is a copy of `template`, and its name, which no other living process
    /// gets. To be dropped by the test when it is done ([`Cluster::drop_database`]: 3 ms); what
    /// remains goes with the cluster.
    pub async fn fresh_database(&self, template: &str) -> Result<String, Error> {
        let process = std::process::id();
        loop {
            let copy = COPIES.fetch_add(1, Ordering::Relaxed);
            let name = format!("test_{process}_{copy}");
            match self.create_database_from(template, &name).await {
                // Left by a dead process with the same number.
                Err(Error::Database { source, .. }) if is_duplicate(&source) => {}
                other => return other.map(|()| name),
            }
        }
    }
}
