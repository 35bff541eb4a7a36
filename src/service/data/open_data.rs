//! Opening what a user's WeChat encrypted, and checking what it signed, under the session key.
//!
//! The cipher has no proof of its own, so a route that says why it refuses would open the data of
//! others bit by bit. Every refusal is the same one, and a session has ten of them: its row is locked while
//! a guess is tried, so that neither parallel requests nor replicas have more.
//! ([ADR 0022](../../../docs/adr/0022-open-data-is-no-oracle.md))

use chrono::{DateTime, Utc};

use super::unsealed;
use crate::domain::open_data::{self, Expected, Payload, Refusal};
use crate::error::{AppError, ErrorCode, FieldError};
use crate::service::Context;
use crate::service::login::token::TokenSubject;
use crate::store;
use crate::store::database::Transaction;
use crate::store::session_key::KeptKeys;
use crate::store::user::session_key_place;
use crate::telemetry;
use crate::wechat::mini::open_data::FormError;
pub use crate::wechat::mini::open_data::{Opened, Sealed, Signed};
use crate::wechat::secret::SessionKey;

impl From<FormError> for AppError {
    fn from(error: FormError) -> Self {
        let field = FieldError::new(format!("/{}", error.field), "format", error.problem);
        Self::new(ErrorCode::OpenDataInvalid).with_fields(vec![field])
    }
}

/// Opens what a page handed over, for the session that a token names: with the newest session key of
/// its user, else with the one before it while that counts. A `unionId` that it tells is kept with the
/// user.
///
/// # Errors
/// `session_expired`, and `session_key_stale` for everything that is not believed, whyever. The tenth
/// such failure within ten minutes ends the session.
pub async fn open(context: &Context, subject: TokenSubject, sealed: &Sealed) -> Result<Opened, AppError> {
    let (opened, ()) = open_as(context, subject, sealed, |_| Some(())).await?;
    Ok(opened)
}

/// The same for data in which `read` has to find something. If it does not, the data is not believed, like any other:
/// a key was used.
///
/// # Errors
/// As [`open`].
pub(super) async fn open_as<T>(
    context: &Context,
    subject: TokenSubject,
    sealed: &Sealed,
    read: impl FnOnce(&Payload) -> Option<T>,
) -> Result<(Opened, T), AppError> {
    let now = context.clock.now();
    let mut transaction = context.db.begin().await?;
    let (kept, failed_at) = store::session_key::lock_of_session(&mut transaction, subject.session_id, now)
        .await?
        .filter(|(kept, _)| subject.is_of(kept.user_id, &kept.app_id))
        .ok_or_else(|| AppError::new(ErrorCode::SessionExpired))?;
    let expected = Expected {
        app_id: &kept.app_id,
        openid: &kept.openid,
        now,
    };
    let opened = sealed.open(&live_keys(context, &kept, now), &expected);
    let opened = opened.and_then(|opened| match read(&opened.payload) {
        Some(found) => Ok((opened, found)),
        None => Err(Refusal::Kind),
    });
    match opened {
        Ok((opened, found)) => {
            let key = if opened.key_index == 0 {
                "newest"
            } else {
                "previous"
            };
            telemetry::count_open_data(opened.payload.word(), key);
            keep(transaction, &kept, &opened.payload, now).await?;
            Ok((opened, found))
        }
        Err(refusal) => {
            telemetry::count_open_data("none", refusal.word());
            let (failed_at, is_over) = open_data::with_failure(&failed_at, now);
            let revoked_at = is_over.then_some(now);
            let id = subject.session_id;
            store::session_key::update_failures(&mut transaction, id, &failed_at, revoked_at).await?;
            transaction.commit().await?;
            if is_over {
                context.sessions.forget(id);
                tracing::warn!(session.id = %id, "a session is over: too much of its open data did not open");
            }
            Err(AppError::new(ErrorCode::SessionKeyStale))
        }
    }
}

/// Ends the transaction of data that was opened. It has written nothing, unless the data told who the
/// user is across apps for the first time.
async fn keep(
    mut transaction: Transaction,
    kept: &KeptKeys,
    payload: &Payload,
    now: DateTime<Utc>,
) -> Result<(), AppError> {
    match payload {
        Payload::Profile {
            unionid: Some(unionid),
        } if !kept.has_unionid => {
            store::user::update_unionid(&mut *transaction, kept.user_id, unionid, now).await?;
            transaction.commit().await?;
        }
        Payload::Profile { .. } | Payload::Phone(_) | Payload::Steps | Payload::Group | Payload::Other => {
            transaction.rollback().await?;
        }
    }
    Ok(())
}

/// Whether a text was signed by the user's WeChat under a live key.
///
/// # Errors
/// `session_expired`.
pub async fn verify(context: &Context, subject: TokenSubject, signed: &Signed) -> Result<bool, AppError> {
    let now = context.clock.now();
    let kept = store::session_key::find_of_session(&context.db, subject.session_id, now)
        .await?
        .filter(|kept| subject.is_of(kept.user_id, &kept.app_id))
        .ok_or_else(|| AppError::new(ErrorCode::SessionExpired))?;
    Ok(signed.is_valid(&live_keys(context, &kept, now)))
}

/// The keys that count at `now`, newest first.
fn live_keys(context: &Context, kept: &KeptKeys, now: DateTime<Utc>) -> Vec<SessionKey> {
    let previous = kept
        .previous
        .as_ref()
        .filter(|(_, replaced_at)| open_data::is_previous_live(*replaced_at, now))
        .map(|(sealed, _)| sealed);
    let place = session_key_place(&kept.app_id, &kept.openid);
    std::iter::once(&kept.newest)
        .chain(previous)
        .filter_map(|sealed| unsealed(context, &place, sealed))
        .collect()
}
