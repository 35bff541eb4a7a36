//! A connection in use, and what becomes of it afterwards.

use std::fmt;
use std::ops::{Deref, DerefMut};

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt as _, TryFutureExt as _, TryStreamExt as _};
use sqlx::postgres::{PgConnection, PgQueryResult, PgRow, PgStatement, PgTypeInfo};
use sqlx::{Describe, Either, Execute, Executor, Postgres, SqlStr};

use super::place::Place;
use super::{Database, END_DEADLINE, Open, is_usable};
use crate::store::statement::within;

/// What is known of a connection when it comes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// Its last statement ended well: whole.
    Whole,
    /// Perhaps whole: it is asked first.
    Ask,
    /// In the middle of a transaction: that is undone first.
    Undo,
    /// Left in the middle of a statement: not to be used again.
    Broken,
}

/// A connection in use. It goes back when dropped.
pub struct Lent {
    /// There until it is dropped, together with its place.
    held: Option<(Open, Place)>,
    database: Database,
    ending: Ending,
}

impl Lent {
    pub(super) fn new(database: Database, open: Open, place: Place) -> Self {
        Self {
            held: Some((open, place)),
            database,
            ending: Ending::Ask,
        }
    }

    /// Runs what is one statement, after which the connection is whole if it ended well, must be
    /// asked if it failed, and is broken if nobody waited for the end.
    async fn run<T>(
        &mut self,
        statement: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, sqlx::Error> {
        self.ending = Ending::Broken;
        let outcome = statement(self).await;
        self.ending = match &outcome {
            Ok(_) => Ending::Whole,
            Err(error) => {
                if is_connection_lost(error) {
                    self.database.doubt();
                }
                Ending::Ask
            }
        };
        outcome
    }
}

impl Deref for Lent {
    type Target = PgConnection;

    #[expect(clippy::expect_used, reason = "only dropping takes it")]
    fn deref(&self) -> &PgConnection {
        &self
            .held
            .as_ref()
            .expect("a connection until the end")
            .0
            .connection
    }
}

impl DerefMut for Lent {
    #[expect(clippy::expect_used, reason = "only dropping takes it")]
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self
            .held
            .as_mut()
            .expect("a connection until the end")
            .0
            .connection
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let Some((mut open, place)) = self.held.take() else {
            return;
        };
        match self.ending {
            Ending::Whole => self.database.keep(open),
            // Before its place is free, so that there are never more than the bound.
            Ending::Broken => drop(open),
            Ending::Ask | Ending::Undo => {
                let Ok(runtime) = tokio::runtime::Handle::try_current() else {
                    return;
                };
                let (database, is_undoing) = (self.database.clone(), self.ending == Ending::Undo);
                runtime.spawn(async move {
                    let asked = tokio::time::timeout(END_DEADLINE, async {
                        if is_undoing {
                            open.connection.execute("rollback").await?;
                        }
                        is_usable(&mut open.connection).await
                    });
                    if matches!(asked.await, Ok(Ok(true))) {
                        database.keep(open);
                    } else {
                        drop(open);
                        database.doubt();
                    }
                    drop(place);
                });
            }
        }
    }
}

impl fmt::Debug for Lent {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Lent").finish_non_exhaustive()
    }
}

/// Whether the trouble is the connection, not the statement: it broke, the server ended it, or the server only reads.
fn is_connection_lost(error: &sqlx::Error) -> bool {
    match error {
        sqlx::Error::Io(_) | sqlx::Error::Tls(_) | sqlx::Error::Protocol(_) => true,
        sqlx::Error::Database(error) => error
            .code()
            .is_some_and(|code| code.starts_with("57P") || code == "25006"),
        _ => false,
    }
}

/// A transaction. It is rolled back when dropped without [`Transaction::commit`].
#[derive(Debug)]
pub struct Transaction(Lent);

impl Transaction {
    pub(super) async fn begin(mut lent: Lent) -> Result<Self, sqlx::Error> {
        within(lent.run(async |connection| connection.execute("begin").await)).await?;
        lent.ending = Ending::Undo;
        Ok(Self(lent))
    }

    /// Makes everything durable.
    ///
    /// # Errors
    /// When the database fails; nothing is written then, unless the connection broke.
    pub async fn commit(mut self) -> Result<(), sqlx::Error> {
        self.end("commit").await
    }

    /// Undoes everything.
    ///
    /// # Errors
    /// When the database fails; nothing is written then either.
    pub async fn rollback(mut self) -> Result<(), sqlx::Error> {
        self.end("rollback").await
    }

    async fn end(&mut self, how: &'static str) -> Result<(), sqlx::Error> {
        within(self.0.run(async |connection| connection.execute(how).await)).await?;
        Ok(())
    }
}

impl Deref for Transaction {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.0
    }
}

impl DerefMut for Transaction {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.0
    }
}

/// Each statement on a connection of its own.
impl<'p> Executor<'p> for &'p Database {
    type Database = Postgres;

    fn execute<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<PgQueryResult, sqlx::Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        Box::pin(async move {
            let mut lent = self.acquire().await?;
            lent.run(async |connection| connection.execute(query).await).await
        })
    }

    fn fetch_many<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxStream<'e, Result<Either<PgQueryResult, PgRow>, sqlx::Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        // Whole at once: pages are bounded, and a connection is not held by a slow reader.
        let whole = async move {
            let mut lent = self.acquire().await?;
            let steps: Vec<_> = lent
                .run(async |connection| connection.fetch_many(query).try_collect().await)
                .await?;
            Ok(stream::iter(steps).map(Ok))
        };
        whole.try_flatten_stream().boxed()
    }

    fn fetch_optional<'e, 'q: 'e, E>(self, query: E) -> BoxFuture<'e, Result<Option<PgRow>, sqlx::Error>>
    where
        'p: 'e,
        E: 'q + Execute<'q, Postgres>,
    {
        Box::pin(async move {
            let mut lent = self.acquire().await?;
            lent.run(async |connection| connection.fetch_optional(query).await)
                .await
        })
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [PgTypeInfo],
    ) -> BoxFuture<'e, Result<PgStatement, sqlx::Error>>
    where
        'p: 'e,
    {
        Box::pin(async move { self.acquire().await?.prepare_with(sql, parameters).await })
    }

    fn describe<'e>(self, sql: SqlStr) -> BoxFuture<'e, Result<Describe<Postgres>, sqlx::Error>>
    where
        'p: 'e,
    {
        Box::pin(async move { self.acquire().await?.describe(sql).await })
    }
}
