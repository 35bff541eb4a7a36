//! Every column of sealed values, and the statements that find what lies in it under an older data
//! key and put it back under the newest.
//!
//! A new sealed column is one entry of [`COLUMNS`]; with more than a few hundred rows it also gets an
//! index on `(substring(COLUMN from 2 for 4), KEY)`. A test of the migrations goes red for a column of
//! bytes that is neither here nor known to hold nothing sealed.

use sqlx::{PgConnection, PgExecutor};
use zeroize::Zeroizing;

use super::statement::query;
use super::vault::KeyName;
use super::{Error, phone_number};

/// How many names of keys that nobody knows are looked for in one column.
const NAMES_MAX: i64 = 100;

/// A column of sealed values.
#[derive(Debug)]
pub struct SealedColumn {
    /// `table.column`.
    pub name: &'static str,
    /// The column of the keyed hash beside it, which changes with the key as well.
    pub hash: Option<KeyedHash>,
    list_keys: &'static str,
    claim: &'static str,
    update: &'static str,
}

/// A column that holds a keyed hash of what is sealed beside it.
#[derive(Debug)]
pub struct KeyedHash {
    /// `table.column`.
    pub name: &'static str,
    /// What of the opened value the hash is of; none: the value is not what belongs there.
    pub of: fn(&[u8]) -> Option<Zeroizing<Vec<u8>>>,
}

/// A sealed value and where it lies.
#[derive(Debug, sqlx::FromRow)]
pub struct SealedValue {
    /// Its row, by the primary key as text.
    pub key: String,
    /// What it was sealed for.
    pub place: String,
    /// The value.
    pub sealed: Vec<u8>,
}

/// Values that are sealed again, of one column: each list has one entry for each of them.
#[derive(Debug, Default)]
pub struct Resealed {
    /// Their rows, by the primary key as text.
    pub keys: Vec<String>,
    /// Sealed under the newest key.
    pub sealed: Vec<Vec<u8>>,
    /// Their keyed hashes under the newest key; none where the column has none.
    pub hashes: Vec<Option<Vec<u8>>>,
}

/// The entry of a column: its table, the primary key with type and least value, the place of a value
/// as its row tells it, and the hash beside it.
///
/// The second to fifth byte of a value name its key. Only names that are really there are visited, one
/// descent of the index for each; and since the rows of a key are claimed in the order of the index,
/// what is done already is not read again. `no key update` lets sessions and orders refer to the rows
/// meanwhile.
macro_rules! column {
    ($table:literal, $column:literal, $key:literal $type:literal from $least:literal, place $place:literal
        $(, hash $hash:literal of $of:expr)?) => {
        SealedColumn {
            name: concat!($table, ".", $column),
            hash: column!(@hash $($table, $hash, $of)?),
            list_keys: concat!(
                "-- sealed.list_keys
                with recursive found as (
                    (select substring(", $column, " from 2 for 4) as name from ", $table, "
                     where ", $column, " is not null order by 1 limit 1)
                    union all
                    select (select substring(", $column, " from 2 for 4) from ", $table, "
                        where ", $column, " is not null and substring(", $column, " from 2 for 4) > found.name
                        order by 1 limit 1)
                    from found where found.name is not null
                )
                select name, counted.values from (
                    (select name from found where name is not null and name <> $1 limit $4)
                    union select unnest($3::bytea[])
                ) as names, lateral (select count(*) as values from (
                    select from ", $table, " where ", $column, " is not null
                        and substring(", $column, " from 2 for 4) = name limit $2) as those) as counted
                where counted.values > 0"
            ),
            claim: concat!(
                "-- sealed.claim
                select ", $key, "::text as key, ", $place, " as place, ", $column, " as sealed from ", $table, "
                where ", $column, " is not null and substring(", $column, " from 2 for 4) = $1
                    and ", $key, " > coalesce($2, '", $least, "')::", $type, "
                order by ", $key, " limit $3 for no key update skip locked"
            ),
            update: concat!(
                "-- sealed.update
                update ", $table, " set ", $column, " = again.sealed", $(", ", $hash, " = again.hash",)? "
                from unnest($1::text[], $2::bytea[], $3::bytea[]) as again (key, sealed, hash)
                where ", $table, ".", $key, " = again.key::", $type
            ),
        }
    };
    (@hash) => { None };
    (@hash $table:literal, $hash:literal, $of:expr) => {
        Some(KeyedHash { name: concat!($table, ".", $hash), of: $of })
    };
}

/// Every column of sealed values.
pub const COLUMNS: &[SealedColumn] = &[
    column!(
        "users", "session_key", "id" "uuid" from "00000000-0000-0000-0000-000000000000",
        place "'users.session_key/' || app_id || '/' || openid",
        hash "session_key_hash" of |plain| Some(Zeroizing::new(plain.to_vec()))
    ),
    column!(
        "users", "previous_session_key", "id" "uuid" from "00000000-0000-0000-0000-000000000000",
        place "'users.session_key/' || app_id || '/' || openid"
    ),
    column!(
        "access_tokens", "token", "app_id" "text" from "",
        place "'access_tokens.token/' || app_id"
    ),
    column!(
        "phone_numbers", "phone_number", "user_id" "uuid" from "00000000-0000-0000-0000-000000000000",
        place "'phone_numbers.phone_number/' || user_id",
        hash "phone_number_hash" of phone_number::hashed_of
    ),
    column!(
        "push_messages", "message", "id" "uuid" from "00000000-0000-0000-0000-000000000000",
        place "'push_messages.message/' || id"
    ),
];

impl SealedColumn {
    /// The names of the keys, other than `newest`, under which values lie here, and how many under
    /// each, counted up to `count_max`. A value too short to name a key has a shorter name. All those of
    /// `older` are among them, and up to `NAMES_MAX` others: a column that was written by something
    /// else may have one for every row.
    pub async fn list_keys(
        &self,
        db: impl PgExecutor<'_>,
        newest: KeyName,
        older: &[KeyName],
        count_max: i64,
    ) -> Result<Vec<(Vec<u8>, i64)>, Error> {
        let older: Vec<&[u8]> = older.iter().map(KeyName::as_bytes).collect();
        let statement = sqlx::query_as(self.list_keys)
            .bind(newest.as_bytes())
            .bind(count_max)
            .bind(older)
            .bind(NAMES_MAX)
            .fetch_all(db);
        Ok(query("sealed.list_keys", statement).await?)
    }

    /// Up to `limit` values under a key, behind the row `after`, and locks their rows. Rows that
    /// somebody else has locked are passed over.
    pub async fn claim(
        &self,
        db: &mut PgConnection,
        name: KeyName,
        after: Option<&str>,
        limit: i64,
    ) -> Result<Vec<SealedValue>, Error> {
        let statement = sqlx::query_as(self.claim)
            .bind(name.as_bytes())
            .bind(after)
            .bind(limit)
            .fetch_all(db);
        Ok(query("sealed.claim", statement).await?)
    }

    /// Puts values back whose rows are locked since they were read.
    pub async fn update(&self, db: &mut PgConnection, resealed: &Resealed) -> Result<(), Error> {
        let statement = sqlx::query(self.update)
            .bind(&resealed.keys)
            .bind(&resealed.sealed)
            .bind(&resealed.hashes)
            .execute(db);
        query("sealed.update", statement).await?;
        Ok(())
    }
}
