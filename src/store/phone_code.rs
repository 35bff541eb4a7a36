//! Codes of the phone-number button that were sent to WeChat, so that none is sent twice.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::Error;
use super::statement::query;
use crate::domain::id::UserId;

/// What became of a code that was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeState {
    /// On its way, or nobody knows.
    Asked,
    /// It gave the user's number.
    Kept,
    /// WeChat does not take it.
    Refused,
    /// No answer came: it may be used.
    Unknown,
}

impl CodeState {
    fn as_str(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Kept => "kept",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
        }
    }

    fn parse(text: &str) -> Result<Self, Error> {
        [Self::Asked, Self::Kept, Self::Refused, Self::Unknown]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or(Error::Inconsistent { table: "phone_codes" })
    }
}

/// A code that was sent before.
#[derive(Clone, Copy, Debug)]
pub struct SentCode {
    /// Who handed it in.
    pub user_id: UserId,
    /// What became of it.
    pub state: CodeState,
    /// When it was sent.
    pub asked_at: DateTime<Utc>,
}

struct CodeRow {
    user_id: Uuid,
    state: String,
    asked_at: DateTime<Utc>,
}

/// Notes that a code is about to be sent; tells whether it is the first time. Of two at once one is.
pub async fn insert(
    db: impl PgExecutor<'_>,
    code_hash: &[u8],
    user_id: UserId,
    now: DateTime<Utc>,
) -> Result<bool, Error> {
    let statement = sqlx::query!(
        "-- phone_code.insert
        insert into phone_codes (code_hash, user_id, state, asked_at) values ($1, $2, 'asked', $3)
        on conflict on constraint phone_codes_pkey do nothing",
        code_hash,
        Uuid::from(user_id),
        now,
    )
    .execute(db);
    Ok(query("phone_code.insert", statement).await?.rows_affected() == 1)
}

/// A code that was sent before.
pub async fn find(db: impl PgExecutor<'_>, code_hash: &[u8]) -> Result<Option<SentCode>, Error> {
    let statement = sqlx::query_as!(
        CodeRow,
        "-- phone_code.find
        select user_id, state, asked_at from phone_codes where code_hash = $1",
        code_hash,
    )
    .fetch_optional(db);
    let Some(row) = query("phone_code.find", statement).await? else {
        return Ok(None);
    };
    Ok(Some(SentCode {
        user_id: row.user_id.into(),
        state: CodeState::parse(&row.state)?,
        asked_at: row.asked_at,
    }))
}

/// Writes down what became of a code that was on its way.
pub async fn update_state(db: impl PgExecutor<'_>, code_hash: &[u8], state: CodeState) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- phone_code.update_state
        update phone_codes set state = $2 where code_hash = $1 and state = 'asked'",
        code_hash,
        state.as_str(),
    )
    .execute(db);
    query("phone_code.update_state", statement).await?;
    Ok(())
}

/// Forgets a code that WeChat cannot have taken: it may be sent again.
pub async fn delete(db: impl PgExecutor<'_>, code_hash: &[u8]) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- phone_code.delete
        delete from phone_codes where code_hash = $1 and state = 'asked'",
        code_hash,
    )
    .execute(db);
    query("phone_code.delete", statement).await?;
    Ok(())
}
