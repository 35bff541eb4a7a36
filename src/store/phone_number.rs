//! Phone numbers of users: sealed, and found by a keyed hash of the whole number.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::Error;
use super::statement::query;
use super::vault::{Vault, VaultError};
use crate::domain::entropy::Entropy;
use crate::domain::id::UserId;
use crate::domain::phone_number::{PhoneNumber, WantedNumber};

/// Where a user's phone number lies, as associated data of the sealed value.
pub fn place(user_id: UserId) -> String {
    format!("phone_numbers.phone_number/{user_id}")
}

/// The keyed hashes of a number, that under the newest data key first.
pub fn hashes(vault: &Vault, wanted: &WantedNumber) -> Vec<Vec<u8>> {
    vault.hashes(&hashed(wanted))
}

/// What is hashed: it begins with the table's name, so that no hash of another secret can ever be equal to
/// one of these.
fn hashed(wanted: &WantedNumber) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(format!("phone_numbers/{}", wanted.expose()).into_bytes())
}

/// What is hashed of the opened value of a row; nothing when that is no number.
pub(super) fn hashed_of(plain: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let number: PhoneNumber = serde_json::from_slice(plain).ok()?;
    Some(hashed(&number.wanted()))
}

/// Seals a number for a user.
pub fn seal(
    vault: &Vault,
    user_id: UserId,
    number: &PhoneNumber,
    entropy: Entropy,
) -> Result<Vec<u8>, VaultError> {
    let plain = serde_json::to_vec(number).map_err(|_| VaultError::Damaged)?;
    vault.seal(&place(user_id), &plain, entropy)
}

/// Opens what [`seal`] made.
pub fn open(vault: &Vault, user_id: UserId, sealed: &[u8]) -> Result<PhoneNumber, VaultError> {
    let plain = vault.open(&place(user_id), sealed)?;
    serde_json::from_slice(&plain).map_err(|_| VaultError::Damaged)
}

/// What is shown of a user's number. One whose data key is gone counts as none: the user can give it
/// again, which is better than a user who cannot log in.
pub(super) fn masked(vault: &Vault, user_id: UserId, sealed: Option<&[u8]>) -> Option<String> {
    match open(vault, user_id, sealed?) {
        Ok(number) => Some(number.masked()),
        Err(error) => {
            tracing::warn!(user.id = %user_id, %error, "a phone number does not open");
            None
        }
    }
}

/// Keeps a user's number in place of the one before. `sealed` is of [`seal`], `hash` the first of
/// [`hashes`].
pub async fn upsert(
    db: impl PgExecutor<'_>,
    user_id: UserId,
    sealed: &[u8],
    hash: &[u8],
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let statement = sqlx::query!(
        "-- phone_number.upsert
        insert into phone_numbers (user_id, phone_number, phone_number_hash, given_at) values ($1, $2, $3, $4)
        on conflict on constraint phone_numbers_pkey do update set
            phone_number = excluded.phone_number,
            phone_number_hash = excluded.phone_number_hash,
            given_at = excluded.given_at",
        Uuid::from(user_id),
        sealed,
        hash,
        now,
    )
    .execute(db);
    query("phone_number.upsert", statement).await?;
    Ok(())
}

/// A user's sealed number.
pub async fn find(db: impl PgExecutor<'_>, user_id: UserId) -> Result<Option<Vec<u8>>, Error> {
    let statement = sqlx::query_scalar!(
        "-- phone_number.find
        select phone_number from phone_numbers where user_id = $1",
        Uuid::from(user_id),
    )
    .fetch_optional(db);
    Ok(query("phone_number.find", statement).await?)
}
