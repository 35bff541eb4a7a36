//! Access tokens: one row for each mini program. Who holds the lease fetches; the fence, which rises with each
//! lease, refuses whoever comes back too late to write.

use chrono::{DateTime, NaiveDate, Utc};
use sqlx::{PgConnection, PgExecutor};

use super::Error;
use super::statement::query;
use crate::domain::access_token::{Failure, Forced, Issuer};
use crate::domain::name::AppId;

/// Where an app's token lies, as associated data of the sealed value.
pub fn token_place(app_id: &AppId) -> String {
    format!("access_tokens.token/{app_id}")
}

/// What is known of the token of a mini program.
#[derive(Clone, Debug)]
pub struct StoredToken {
    /// The mini program.
    pub app_id: AppId,
    /// The newest lease.
    pub fence: i64,
    /// Until then somebody fetches.
    pub lease_until: Option<DateTime<Utc>>,
    /// Whether the app secret is the one that was used last.
    pub is_secret_known: bool,
    /// The token, sealed for [`token_place`], and the fence under which it came.
    pub token: Option<(Vec<u8>, i64)>,
    /// When this very token first came.
    pub obtained_at: Option<DateTime<Utc>>,
    /// When it ends.
    pub expires_at: Option<DateTime<Utc>>,
    /// When WeChat refused it.
    pub refused_at: Option<DateTime<Utc>>,
    /// Until then its refusal is not believed.
    pub trusted_until: Option<DateTime<Utc>>,
    /// When it is refreshed by itself.
    pub due_at: DateTime<Utc>,
    /// Another one demanded.
    pub forced: Forced,
    /// Tries in a row that gave none.
    pub failure_count: i32,
    /// The last of them.
    pub failure: Option<(Failure, Option<i64>)>,
    /// Until then WeChat is not asked again.
    pub rest_until: Option<DateTime<Utc>>,
}

struct Row {
    app_id: String,
    fence: i64,
    lease_until: Option<DateTime<Utc>>,
    is_secret_known: bool,
    token: Option<Vec<u8>>,
    token_number: Option<i64>,
    obtained_at: Option<DateTime<Utc>>,
    expires_at: Option<DateTime<Utc>>,
    refused_at: Option<DateTime<Utc>>,
    trusted_until: Option<DateTime<Utc>>,
    due_at: DateTime<Utc>,
    forced_at: Option<DateTime<Utc>>,
    forced_day: Option<NaiveDate>,
    forced_count: i32,
    failure_count: i32,
    failure: Option<String>,
    failure_errcode: Option<i64>,
    rest_until: Option<DateTime<Utc>>,
}

impl Row {
    fn stored(self) -> Result<StoredToken, Error> {
        Ok(StoredToken {
            app_id: AppId::parse(self.app_id).map_err(|_| Error::Inconsistent {
                table: "access_tokens",
            })?,
            fence: self.fence,
            lease_until: self.lease_until,
            is_secret_known: self.is_secret_known,
            token: self.token.zip(self.token_number),
            obtained_at: self.obtained_at,
            expires_at: self.expires_at,
            refused_at: self.refused_at,
            trusted_until: self.trusted_until,
            due_at: self.due_at,
            forced: Forced {
                at: self.forced_at,
                day: self.forced_day,
                count: self.forced_count,
            },
            failure_count: self.failure_count,
            // A newer version may know more failures: most likely the operator must act.
            failure: self
                .failure
                .map(|name| Failure::parse(&name).unwrap_or(Failure::Refused))
                .map(|failure| (failure, self.failure_errcode)),
            rest_until: self.rest_until,
        })
    }
}

/// The token of a mini program. `secret_hashes` are those of its app secret.
pub async fn find(
    db: impl PgExecutor<'_>,
    app_id: &AppId,
    secret_hashes: &[Vec<u8>],
) -> Result<Option<StoredToken>, Error> {
    let statement = sqlx::query_as!(
        Row,
        r#"-- access_token.find
        select app_id, fence, lease_until, secret_hash = any($2) as "is_secret_known!", token, token_number, obtained_at,
            expires_at, refused_at, trusted_until, due_at, forced_at, forced_day, forced_count, failure_count, failure,
            failure_errcode, rest_until
        from access_tokens where app_id = $1"#,
        app_id.as_str(),
        secret_hashes,
    )
    .fetch_optional(db);
    query("access_token.find", statement)
        .await?
        .map(Row::stored)
        .transpose()
}

/// Who wants to fetch, and until when at the longest.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// The mini program.
    pub app_id: &'a AppId,
    /// The number of the token that is to be replaced; nothing: there was none.
    pub seen: Option<i64>,
    /// The keyed hashes of its app secret, that under the newest data key first.
    pub secret_hashes: &'a [Vec<u8>],
    /// Now.
    pub now: DateTime<Utc>,
    /// From then on somebody else may fetch.
    pub until: DateTime<Utc>,
}

/// Takes the lease, unless somebody holds it, WeChat is to be left alone, or the token was replaced meanwhile.
/// Another app secret than before begins anew.
pub async fn claim(db: impl PgExecutor<'_>, claim: &Claim<'_>) -> Result<Option<StoredToken>, Error> {
    let statement = sqlx::query_as!(
        Row,
        r#"-- access_token.claim
        insert into access_tokens as t (app_id, fence, lease_until, secret_hash, due_at, forced_count, failure_count)
        values ($1, 1, $5, ($3::bytea[])[1], $5, 0, 0)
        on conflict on constraint access_tokens_pkey do update set
            fence = t.fence + 1, lease_until = excluded.lease_until, secret_hash = excluded.secret_hash,
            failure_count = case when t.secret_hash = any($3) then t.failure_count else 0 end,
            failure = case when t.secret_hash = any($3) then t.failure end,
            failure_errcode = case when t.secret_hash = any($3) then t.failure_errcode end,
            failure_address = case when t.secret_hash = any($3) then t.failure_address end,
            failed_since = case when t.secret_hash = any($3) then t.failed_since end,
            rest_until = case when t.secret_hash = any($3) then t.rest_until end
        where (t.lease_until is null or t.lease_until <= $4)
            and (t.rest_until is null or t.rest_until <= $4 or not t.secret_hash = any($3))
            and t.token_number is not distinct from $2
        returning app_id, fence, lease_until, true as "is_secret_known!", token, token_number, obtained_at, expires_at,
            refused_at, trusted_until, due_at, forced_at, forced_day, forced_count, failure_count, failure,
            failure_errcode, rest_until"#,
        claim.app_id.as_str(),
        claim.seen,
        claim.secret_hashes,
        claim.now,
        claim.until,
    )
    .fetch_optional(db);
    query("access_token.claim", statement)
        .await?
        .map(Row::stored)
        .transpose()
}

/// One of these mini programs whose token is due, the longest due first, with its number.
pub async fn find_due(
    db: impl PgExecutor<'_>,
    app_ids: &[String],
    now: DateTime<Utc>,
) -> Result<Option<(AppId, Option<i64>)>, Error> {
    let statement = sqlx::query!(
        "-- access_token.find_due
        select app_id, token_number from access_tokens
        where due_at <= $2 and app_id = any($1) and (lease_until is null or lease_until <= $2)
            and (rest_until is null or rest_until <= $2)
        order by due_at limit 1
        for update skip locked",
        app_ids,
        now,
    )
    .fetch_optional(db);
    let Some(row) = query("access_token.find_due", statement).await? else {
        return Ok(None);
    };
    let app_id = AppId::parse(row.app_id).map_err(|_| Error::Inconsistent {
        table: "access_tokens",
    })?;
    Ok(Some((app_id, row.token_number)))
}

/// Writes that WeChat refused exactly this token, unless its refusal is not to be believed now.
pub async fn update_refused(
    db: impl PgExecutor<'_>,
    app_id: &AppId,
    number: i64,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let statement = sqlx::query!(
        "-- access_token.update_refused
        update access_tokens set refused_at = $3
        where app_id = $1 and token_number = $2 and refused_at is null and (trusted_until is null or trusted_until <= $3)",
        app_id.as_str(),
        number,
        now,
    )
    .execute(db);
    Ok(query("access_token.update_refused", statement)
        .await?
        .rows_affected()
        == 1)
}

/// Writes that another token is about to be demanded, under the lease. Tells whether it still held.
pub async fn update_forced(
    db: impl PgExecutor<'_>,
    app_id: &AppId,
    fence: i64,
    forced: Forced,
) -> Result<bool, Error> {
    let statement = sqlx::query!(
        "-- access_token.update_forced
        update access_tokens set forced_at = $3, forced_day = $4, forced_count = $5 where app_id = $1 and fence = $2",
        app_id.as_str(),
        fence,
        forced.at,
        forced.day,
        forced.count,
    )
    .execute(db);
    Ok(query("access_token.update_forced", statement)
        .await?
        .rows_affected()
        == 1)
}

/// A token that has come.
#[derive(Clone, Copy, Debug)]
pub struct ObtainedToken<'a> {
    /// The mini program.
    pub app_id: &'a AppId,
    /// The lease under which it was fetched.
    pub fence: i64,
    /// The token, sealed for [`token_place`].
    pub token: &'a [u8],
    /// Whether it is the one that was known before.
    pub is_same: bool,
    /// Who gave it.
    pub issuer: Issuer,
    /// When it came.
    pub at: DateTime<Utc>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
    /// When it is refreshed by itself.
    pub due_at: DateTime<Utc>,
    /// Until then its refusal is not believed.
    pub trusted_until: Option<DateTime<Utc>>,
    /// The refusal that was known when the lease was taken. One that came meanwhile stays, if the token does.
    pub refused_at: Option<DateTime<Utc>>,
}

/// Writes the token and gives the lease back. Tells whether the token is believed, if the lease was still the newest;
/// else nothing is written.
pub async fn update_obtained(
    db: &mut PgConnection,
    token: &ObtainedToken<'_>,
) -> Result<Option<bool>, Error> {
    let statement = sqlx::query_scalar!(
        r#"-- access_token.update_obtained
        update access_tokens set lease_until = null, token = $3, issuer = $5, expires_at = $7, due_at = $8,
            token_number = case when $4 then token_number else $2 end,
            obtained_at = case when $4 then obtained_at else $6 end,
            refused_at = case when $4 and refused_at is distinct from $10 then refused_at end, trusted_until = $9,
            failure_count = 0, failure = null, failure_errcode = null, failure_address = null, failed_since = null,
            rest_until = null
        where app_id = $1 and fence = $2
        returning refused_at is null as "is_believed!""#,
        token.app_id.as_str(),
        token.fence,
        token.token,
        token.is_same,
        token.issuer.as_str(),
        token.at,
        token.expires_at,
        token.due_at,
        token.trusted_until,
        token.refused_at,
    )
    .fetch_optional(db);
    Ok(query("access_token.update_obtained", statement).await?)
}

/// A try that gave no token.
#[derive(Clone, Copy, Debug)]
pub struct FailedTry<'a> {
    /// The mini program.
    pub app_id: &'a AppId,
    /// The lease under which it was made.
    pub fence: i64,
    /// Why.
    pub failure: Failure,
    /// WeChat's number.
    pub errcode: Option<i64>,
    /// The address of ours that WeChat saw and does not allow.
    pub address: Option<&'a str>,
    /// When.
    pub at: DateTime<Utc>,
    /// Until then WeChat is not asked again.
    pub rest_until: DateTime<Utc>,
}

/// Writes that there was none, and gives the lease back. What is still alive stays. Tells whether the lease was
/// still the newest; else nothing is written.
pub async fn update_failed(db: &mut PgConnection, failed: &FailedTry<'_>) -> Result<bool, Error> {
    let statement = sqlx::query!(
        "-- access_token.update_failed
        update access_tokens set lease_until = null, failure_count = failure_count + 1, failure = $3, failure_errcode = $4,
            failure_address = $5, failed_since = coalesce(failed_since, $6), rest_until = $7, due_at = greatest(due_at, $7)
        where app_id = $1 and fence = $2",
        failed.app_id.as_str(),
        failed.fence,
        failed.failure.as_str(),
        failed.errcode,
        failed.address,
        failed.at,
        failed.rest_until,
    )
    .execute(db);
    Ok(query("access_token.update_failed", statement)
        .await?
        .rows_affected()
        == 1)
}
