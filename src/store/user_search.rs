//! Looking for users, for the operator.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use uuid::Uuid;

use super::statement::query;
use super::vault::Vault;
use super::{Error, phone_number};
use crate::domain::id::UserId;
use crate::domain::user::User;

/// A user, and what only the operator sees.
#[derive(Clone, Debug)]
pub struct FoundUser {
    /// The user.
    pub user: User,
    /// The mini program.
    pub app_id: String,
}

struct UserRow {
    id: Uuid,
    app_id: String,
    nickname: Option<String>,
    avatar_url: Option<String>,
    created_at: DateTime<Utc>,
    phone_number: Option<Vec<u8>>,
}

impl UserRow {
    fn opened(self, vault: &Vault) -> FoundUser {
        let id = UserId::from(self.id);
        FoundUser {
            user: User {
                id,
                nickname: self.nickname,
                avatar_url: self.avatar_url,
                phone_number: phone_number::masked(vault, id, self.phone_number.as_deref()),
                created_at: self.created_at,
            },
            app_id: self.app_id,
        }
    }
}

/// One user.
pub async fn find(db: impl PgExecutor<'_>, vault: &Vault, id: UserId) -> Result<Option<FoundUser>, Error> {
    let statement = sqlx::query_as!(
        UserRow,
        r#"-- user_search.find
        select u.id, u.app_id, u.nickname, u.avatar_url, u.created_at, p.phone_number as "phone_number?"
        from users u left join phone_numbers p on p.user_id = u.id
        where u.id = $1"#,
        Uuid::from(id),
    )
    .fetch_optional(db);
    let row = query("user_search.find", statement).await?;
    Ok(row.map(|row| row.opened(vault)))
}

/// The same person in another mini program.
#[derive(Clone, Debug)]
pub struct LinkedUser {
    /// The user there.
    pub id: UserId,
    /// The mini program.
    pub app_id: String,
}

/// Up to `limit` users whom WeChat calls by the same unionid as this one, oldest first.
pub async fn list_linked(db: impl PgExecutor<'_>, id: UserId, limit: i64) -> Result<Vec<LinkedUser>, Error> {
    let statement = sqlx::query_as!(
        LinkedUser,
        "-- user_search.list_linked
        select other.id, other.app_id
        from users u join users other on other.unionid = u.unionid and other.id <> u.id
        where u.id = $1 order by other.id limit $2",
        Uuid::from(id),
        limit,
    )
    .fetch_all(db);
    Ok(query("user_search.list_linked", statement).await?)
}

/// Up to `limit` users whose number has one of these hashes, newest first, before the user `before`:
/// the same person in several mini programs, or several who share a phone.
pub async fn list_by_phone_number(
    db: impl PgExecutor<'_>,
    vault: &Vault,
    hashes: &[Vec<u8>],
    before: Option<UserId>,
    limit: i64,
) -> Result<Vec<FoundUser>, Error> {
    let statement = sqlx::query_as!(
        UserRow,
        r#"-- user_search.list_by_phone_number
        select u.id, u.app_id, u.nickname, u.avatar_url, u.created_at, p.phone_number as "phone_number?"
        from phone_numbers p join users u on u.id = p.user_id
        where p.phone_number_hash = any($1) and ($2::uuid is null or p.user_id < $2)
        order by p.user_id desc
        limit $3"#,
        hashes,
        before.map(Uuid::from),
        limit,
    )
    .fetch_all(db);
    let rows = query("user_search.list_by_phone_number", statement).await?;
    Ok(rows.into_iter().map(|row| row.opened(vault)).collect())
}
