//! A database that somebody else runs, named by `DATABASE_URL`.

use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};

use super::database::failed;
use super::error::Error;

/// Whether the database has users of mini programs other than `app_ids`: then it serves real ones, and is
/// no place to try things.
///
/// # Errors
/// When the database cannot be asked.
pub async fn serves_others(database: PgConnectOptions, app_ids: &[&str]) -> Result<bool, Error> {
    let what = || "cannot ask the database of DATABASE_URL".to_owned();
    let options = database.disable_statement_logging();
    let mut connection = options.connect().await.map_err(failed(what()))?;
    let has_users: bool = sqlx::query_scalar("select to_regclass('users') is not null")
        .fetch_one(&mut connection)
        .await
        .map_err(failed(what()))?;
    let serves_others = has_users
        && sqlx::query_scalar("select exists (select from users where app_id <> all ($1))")
            .bind(app_ids)
            .fetch_one(&mut connection)
            .await
            .map_err(failed(what()))?;
    connection.close().await.map_err(failed(what()))?;
    Ok(serves_others)
}
