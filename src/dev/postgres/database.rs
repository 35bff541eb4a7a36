//! Databases of a cluster: made, copied, dropped. Administration only; what is inside a database is
//! the business of `store`.

#[expect(
    clippy::disallowed_types,
    reason = "names of databases cannot be bound; `Name` lets only letters, digits and _ through"
)]
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, PgConnection};

use super::Cluster;
use super::error::Error;

/// The database that exists from the beginning; it stays empty.
const ADMINISTRATION: &str = "postgres";
/// `SQLSTATE` of a name that is taken already.
const DUPLICATE_DATABASE: &str = "42P04";
/// The first major version that lets one choose how a database is copied.
const VERSION_WITH_STRATEGIES: u32 = 15;

/// A checked name, so that it can be put into a statement: names cannot be bound as parameters.
struct Name<'a>(&'a str);

impl<'a> Name<'a> {
    fn parse(name: &'a str) -> Result<Self, Error> {
        let is_plain = name
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_'));
        let starts_well = name.starts_with(|first: char| !first.is_ascii_digit());
        if is_plain && starts_well && name.len() <= 63 {
            Ok(Self(name))
        } else {
            Err(Error::Name(name.to_owned()))
        }
    }
}

impl Cluster {
    /// Makes the database if it is not there.
    pub async fn ensure_database(&self, name: &str) -> Result<(), Error> {
        let checked = Name::parse(name)?;
        let mut connection = self.administration().await?;
        let what = || format!("cannot create database {name}");
        if exists(&mut connection, name).await.map_err(failed(what()))? {
            return Ok(());
        }
        match execute(&mut connection, "create database %1", &[checked]).await {
            // Another process was faster.
            Err(error) if is_duplicate(&error) => Ok(()),
            other => other.map_err(failed(what())),
        }
    }

    /// Makes the database `name` as a copy of `template`, to which nobody may be connected.
    pub async fn create_database_from(&self, template: &str, name: &str) -> Result<(), Error> {
        let names = [Name::parse(name)?, Name::parse(template)?];
        // Copying files is five times as fast as writing their pages to the log, the default since
        // version 15; before, it was the only way.
        let statement = if self.major >= VERSION_WITH_STRATEGIES {
            "create database %1 template %2 strategy file_copy"
        } else {
            "create database %1 template %2"
        };
        let mut connection = self.administration().await?;
        execute(&mut connection, statement, &names)
            .await
            .map_err(failed(format!("cannot create database {name} from {template}")))
    }

    /// Drops the database if it is there, cutting off whoever is connected to it.
    pub async fn drop_database(&self, name: &str) -> Result<(), Error> {
        let checked = Name::parse(name)?;
        let mut connection = self.administration().await?;
        execute(
            &mut connection,
            "drop database if exists %1 with (force)",
            &[checked],
        )
        .await
        .map_err(failed(format!("cannot drop database {name}")))
    }

    /// Gives a finished database its name and makes it a template that nobody can connect to.
    pub(super) async fn seal_template(&self, unfinished: &str, name: &str) -> Result<(), Error> {
        let names = || Ok([Name::parse(unfinished)?, Name::parse(name)?]);
        let mut connection = self.administration().await?;
        let seal = "alter database %1 with is_template true allow_connections false";
        let what = || format!("cannot make the template {name}");
        execute(&mut connection, seal, &names()?)
            .await
            .map_err(failed(what()))?;
        execute(&mut connection, "alter database %1 rename to %2", &names()?)
            .await
            .map_err(failed(what()))
    }

    /// A connection of its own: the cluster is used from runtimes that come and go, as every
    /// `#[tokio::test]` has its own, and a pool would die with the one that it was made in.
    pub(super) async fn administration(&self) -> Result<PgConnection, Error> {
        let what = || format!("cannot connect to PostgreSQL in {}", self.folder().display());
        let options: PgConnectOptions = self.url(ADMINISTRATION).parse().map_err(failed(what()))?;
        options
            .options([("client_min_messages", "warning")])
            .disable_statement_logging()
            .connect()
            .await
            .map_err(failed(what()))
    }
}

/// For `map_err`: the operation, in words.
pub(super) fn failed(what: String) -> impl FnOnce(sqlx::Error) -> Error {
    move |source| Error::Database { what, source }
}

/// Whether a database of that name is there.
pub(super) async fn exists(connection: &mut PgConnection, name: &str) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
        .bind(name)
        .fetch_one(connection)
        .await
}

/// Whether a statement failed because a database of that name is there.
pub(super) fn is_duplicate(error: &sqlx::Error) -> bool {
    // Two at the very same moment meet in the catalogue's unique index instead.
    error.as_database_error().is_some_and(|refusal| {
        refusal.code().as_deref() == Some(DUPLICATE_DATABASE) || refusal.is_unique_violation()
    })
}

/// Runs a statement in which `%1` and `%2` stand for names.
async fn execute(
    connection: &mut PgConnection,
    statement: &'static str,
    names: &[Name<'_>],
) -> Result<(), sqlx::Error> {
    let mut text = statement.to_owned();
    for (name, mark) in names.iter().zip(["%1", "%2"]) {
        text = text.replace(mark, &format!("\"{}\"", name.0));
    }
    let statement = AssertSqlSafe(text);
    sqlx::raw_sql(statement).execute(connection).await.map(drop)
}
