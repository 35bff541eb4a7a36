//! Fetching a token under the lease of its row: claimed, asked for, written down. Source: access-token notes,
//! section 3.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgConnection;

use super::access_token::{open, secret_hashes};
use super::memory::LiveToken;
use crate::domain::access_token::{self, Failure, Issuer, Reason};
use crate::domain::name::AppId;
use crate::error::AppError;
use crate::service::Context;
use crate::store;
use crate::store::access_token::{Claim, FailedTry, ObtainedToken, StoredToken, token_place};
use crate::store::token_refresh::EndedRefresh;
use crate::wechat::mini::token::{FetchError, Fetched, fetch};
use crate::wechat::secret::AccessToken;

/// How long one may fetch before somebody else does: longer than two fetches of four seconds and the
/// statements around them.
const LEASE: TimeDelta = TimeDelta::seconds(10);

/// Which token is fetched, and why.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) app_id: AppId,
    /// The number of the one to be replaced; nothing: there is none.
    pub(super) seen: Option<i64>,
    pub(super) reason: Reason,
}

/// How one try ended.
struct Ended {
    outcome: Result<Obtained, FetchError>,
    is_forced: bool,
    /// Why the issuer refused another token, where the old one stays.
    errcode: Option<i64>,
    /// When it was begun; a token lives from then.
    at: DateTime<Utc>,
}

struct Obtained {
    fetched: Fetched,
    /// Whether it is the token that was known before.
    is_same: bool,
    /// Whether that one had been refused.
    is_doubtful: bool,
}

/// Refreshes one token that is due among the mini programs of this server. Tells whether there was one.
///
/// # Errors
/// When the database fails. What WeChat refuses is written down and no error.
pub async fn refresh_due(context: &Arc<Context>) -> Result<bool, AppError> {
    let app_ids: Vec<String> = context
        .mini_programs
        .secrets
        .keys()
        .map(|app_id| app_id.as_str().to_owned())
        .collect();
    let now = context.clock.now();
    let Some((app_id, seen)) = store::access_token::find_due(&context.db, &app_ids, now).await? else {
        return Ok(false);
    };
    let wanted = Wanted {
        app_id,
        seen,
        reason: Reason::Due,
    };
    refresh(Arc::clone(context), wanted).await?;
    Ok(true)
}

/// Fetches, if nobody else does and WeChat is not to be left alone, and writes down what came of it.
pub(super) async fn refresh(context: Arc<Context>, wanted: Wanted) -> Result<(), AppError> {
    let hashes = secret_hashes(&context, &wanted.app_id)?;
    let now = context.clock.now();
    let claim = Claim {
        app_id: &wanted.app_id,
        seen: wanted.seen,
        secret_hashes: &hashes,
        now,
        until: now + LEASE,
    };
    let Some(row) = store::access_token::claim(&context.db, &claim).await? else {
        return Ok(());
    };
    let known = row
        .token
        .as_ref()
        .and_then(|(sealed, _)| open(&context, &row.app_id, sealed));
    let ended = ask(&context, &row, known.as_ref(), now).await?;
    write_down(&context, &row, &wanted, ended).await
}

/// Asks the issuer, and demands another token if it insists on the one that WeChat refused.
async fn ask(
    context: &Context,
    row: &StoredToken,
    known: Option<&AccessToken>,
    at: DateTime<Utc>,
) -> Result<Ended, AppError> {
    let programs = &context.mini_programs;
    let secret = programs.secret(&row.app_id)?;
    let issuer = context.access_tokens.issuer;
    let app = (&row.app_id, secret);
    let is_doubtful = row.refused_at.is_some();
    let is_known = |fetched: &Fetched| known.is_some_and(|known| known.expose() == fetched.token.expose());
    let mut insisted_on = None;
    // The plain issuer gives another token each time: asking it is demanding one.
    if issuer == Issuer::Stable || !is_doubtful {
        let outcome = fetch(&programs.upstream, &programs.base_url, app, issuer, false).await;
        let may_demand = row.forced.next(issuer, context.clock.now()).is_some();
        match outcome {
            Ok(fetched) if is_doubtful && is_known(&fetched) && may_demand => insisted_on = Some(fetched),
            outcome => {
                let outcome = outcome.map(|fetched| Obtained {
                    is_same: is_known(&fetched),
                    fetched,
                    is_doubtful,
                });
                return Ok(Ended {
                    outcome,
                    is_forced: false,
                    errcode: None,
                    at,
                });
            }
        }
    }
    demand(context, row, (known, insisted_on), at).await
}

/// Demands another token, which is counted before it is done, in place of one that was refused or that the issuer has
/// just insisted on.
async fn demand(
    context: &Context,
    row: &StoredToken,
    (known, insisted_on): (Option<&AccessToken>, Option<Fetched>),
    at: DateTime<Utc>,
) -> Result<Ended, AppError> {
    let programs = &context.mini_programs;
    let secret = programs.secret(&row.app_id)?;
    let issuer = context.access_tokens.issuer;
    let kept = known.zip(row.expires_at).map(|(known, expires_at)| Fetched {
        token: known.clone(),
        expires_in_s: expires_at.signed_duration_since(at).num_seconds(),
    });
    let forced = row.forced.next(issuer, context.clock.now());
    let mut errcode = None;
    let outcome = match (forced, kept) {
        (Some(forced), _) => {
            // Whoever holds a newer lease demands; two would kill each other's token.
            if !store::access_token::update_forced(&context.db, &row.app_id, row.fence, forced).await? {
                return Ok(Ended {
                    outcome: Err(FetchError::Unavailable),
                    is_forced: true,
                    errcode,
                    at,
                });
            }
            let app = (&row.app_id, secret);
            match (
                fetch(&programs.upstream, &programs.base_url, app, issuer, true).await,
                insisted_on,
            ) {
                // Too often, by WeChat's count: what it has just called right stays in use, doubtful as it is.
                (Err(FetchError::Refused { errcode: refused, .. }), Some(fetched)) => {
                    errcode = Some(refused);
                    Ok(Obtained {
                        fetched,
                        is_same: true,
                        is_doubtful: true,
                    })
                }
                (outcome, _) => outcome.map(|fetched| Obtained {
                    is_same: false,
                    fetched,
                    is_doubtful: false,
                }),
            }
        }
        // Demanded a moment ago: the token stays, doubtful as it is.
        (None, Some(fetched)) => Ok(Obtained {
            fetched,
            is_same: true,
            is_doubtful: true,
        }),
        (None, None) => Err(FetchError::Unavailable),
    };
    Ok(Ended {
        outcome,
        is_forced: forced.is_some(),
        errcode,
        at,
    })
}

/// Writes the outcome and the history in one transaction, unless a newer lease has taken over.
async fn write_down(
    context: &Context,
    row: &StoredToken,
    wanted: &Wanted,
    ended: Ended,
) -> Result<(), AppError> {
    let at = context.clock.now();
    let mut tx = context.db.begin().await?;
    let mut refresh = EndedRefresh {
        id: context.entropy.uuid(at)?,
        app_id: &row.app_id,
        fence: row.fence,
        at,
        process: &context.access_tokens.process,
        reason: wanted.reason,
        outcome: "failed",
        is_forced: ended.is_forced,
        errcode: ended.errcode,
        failure: None,
        lost_s: None,
    };
    let (is_newest, live) = match &ended.outcome {
        Ok(obtained) => {
            refresh.outcome = if obtained.is_same { "same" } else { "new" };
            // Replaced before its time, and not because this server demanded it: somebody else did.
            let is_ours =
                obtained.is_same || (ended.is_forced && context.access_tokens.issuer == Issuer::Stable);
            let lost = row.expires_at.zip(row.refused_at).filter(|_| !is_ours);
            refresh.lost_s =
                lost.and_then(|(expires_at, refused_at)| access_token::lost_s(expires_at, refused_at));
            write_token(context, &mut tx, row, obtained, ended.at).await?
        }
        Err(error) => {
            let (failure, errcode) = failure(error);
            refresh.failure = Some(failure.as_str());
            refresh.errcode = errcode;
            (write_failure(&mut tx, row, error, at).await?, None)
        }
    };
    if !is_newest {
        refresh.outcome = "stale";
    }
    store::token_refresh::insert(&mut tx, &refresh).await?;
    tx.commit().await?;
    if let Some(live) = live.filter(|_| is_newest) {
        context.access_tokens.remember(&row.app_id, live, at);
    }
    tracing::info!(
        app.id = %row.app_id, reason = wanted.reason.as_str(), outcome = refresh.outcome, failure = refresh.failure,
        errcode = refresh.errcode, is_forced = refresh.is_forced, lost_s = refresh.lost_s, fence = row.fence,
        "an access token was asked for"
    );
    Ok(())
}

async fn write_token(
    context: &Context,
    tx: &mut PgConnection,
    row: &StoredToken,
    obtained: &Obtained,
    begun_at: DateTime<Utc>,
) -> Result<(bool, Option<LiveToken>), AppError> {
    let now = context.clock.now();
    let expires_at = begun_at + TimeDelta::seconds(obtained.fetched.expires_in_s);
    let token = &obtained.fetched.token;
    let sealed = context
        .vault
        .seal(
            &token_place(&row.app_id),
            token.expose().as_bytes(),
            context.entropy,
        )
        .map_err(AppError::internal)?;
    let number = row.token.as_ref().map(|(_, number)| *number);
    let number = number.filter(|_| obtained.is_same).unwrap_or(row.fence);
    let is_trusted = obtained.is_same && obtained.is_doubtful;
    let written = ObtainedToken {
        app_id: &row.app_id,
        fence: row.fence,
        token: &sealed,
        is_same: obtained.is_same,
        issuer: context.access_tokens.issuer,
        at: now,
        expires_at,
        due_at: access_token::due_at(expires_at, now),
        trusted_until: is_trusted.then(|| access_token::trusted_until(now)),
        refused_at: row.refused_at,
    };
    let is_believed = store::access_token::update_obtained(tx, &written).await?;
    let live = LiveToken {
        token: token.clone(),
        number,
        expires_at,
    };
    // What is in doubt is looked at again.
    let live = (is_believed == Some(true) && !is_trusted).then_some(live);
    Ok((is_believed.is_some(), live))
}

async fn write_failure(
    tx: &mut PgConnection,
    row: &StoredToken,
    error: &FetchError,
    at: DateTime<Utc>,
) -> Result<bool, AppError> {
    let (failure, errcode) = failure(error);
    let address = match error {
        FetchError::Refused { address, .. } => address.as_deref(),
        FetchError::Unavailable | FetchError::Timeout => None,
    };
    let failed = FailedTry {
        app_id: &row.app_id,
        fence: row.fence,
        failure,
        errcode,
        address,
        at,
        rest_until: failure.rest_until(row.failure_count.saturating_add(1), at),
    };
    Ok(store::access_token::update_failed(tx, &failed).await?)
}

fn failure(error: &FetchError) -> (Failure, Option<i64>) {
    match error {
        FetchError::Refused { errcode, .. } => (Failure::of_errcode(*errcode), Some(*errcode)),
        FetchError::Unavailable => (Failure::Unavailable, None),
        FetchError::Timeout => (Failure::Timeout, None),
    }
}
