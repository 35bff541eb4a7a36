//! After a change of `DATA_KEYS`: what lies sealed under an older key is sealed again under the
//! newest, a bounded piece at a time, while logins go on; and what is left to do is told.
//!
//! Rows are locked from the reading to the writing, so that a login comes either before, and its value
//! is the one that is read, or after, and replaces what was written. What does not open stays as it is.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use super::Context;
use crate::error::AppError;
use crate::store;
use crate::store::sealed::{COLUMNS, Resealed, SealedColumn, SealedValue};
use crate::store::vault::{KeyName, VaultError};
use crate::telemetry;

/// How many rows are locked and written together.
const BATCH: usize = 200;
/// How many batches one turn takes at the most.
const BATCHES_MAX: u32 = 25;
/// How far values are counted.
pub const COUNT_MAX: i64 = 100_000;
/// What stands for a key that a value is too short to name.
const NAMELESS: &str = "none";

/// How far this process has come.
#[derive(Debug, Default)]
pub struct Progress {
    round: Mutex<Round>,
    /// What the last whole round found not to open although its key is known.
    damaged: AtomicU64,
}

/// One walk over every column and every older key; it goes on over several turns.
#[derive(Debug, Default)]
struct Round {
    /// How many pairs of column and key are done.
    done: usize,
    /// The last row that was looked at of the pair in hand.
    after: Option<String>,
    /// How many values did not open.
    damaged: u64,
}

impl Progress {
    /// How many values do not open although their key is known, as the last whole round saw it.
    pub fn damaged(&self) -> u64 {
        self.damaged.load(Ordering::Relaxed)
    }

    fn take(&self) -> Round {
        std::mem::take(&mut *self.round.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn keep(&self, round: Round) {
        *self.round.lock().unwrap_or_else(PoisonError::into_inner) = round;
    }
}

/// Seals again what lies under older keys, up to a bound; the next turn goes on behind it. Tells
/// whether the round is not over yet.
///
/// A server does so only while no other was started after it that seals under another key.
///
/// # Errors
/// When the database fails. What was written stays, and the next turn begins a new round.
pub async fn reencrypt(context: &Context) -> Result<bool, AppError> {
    let newest = context.vault.newest();
    store::data_key::note_head(&context.db, newest, context.started_at).await?;
    if head(context)
        .await?
        .is_some_and(|head| head != newest.to_string())
    {
        return Ok(false);
    }
    let pairs = || {
        let of_column = |column| context.vault.older().map(move |name| (column, name));
        COLUMNS.iter().flat_map(of_column)
    };
    let mut round = context.reencryption.take();
    for _ in 0..BATCHES_MAX {
        let Some((column, name)) = pairs().nth(round.done) else {
            return finish(context, &round).await;
        };
        let batch = reseal_batch(context, column, name, round.after.as_deref()).await?;
        round.damaged += batch.damaged;
        round.done += usize::from(batch.last.is_none());
        round.after = batch.last;
        if context.stopping.is_cancelled() {
            break;
        }
    }
    context.reencryption.keep(round);
    Ok(true)
}

async fn finish(context: &Context, round: &Round) -> Result<bool, AppError> {
    if round.damaged > 0 {
        tracing::warn!(
            values = round.damaged,
            "sealed values do not open although their key is known"
        );
    }
    context
        .reencryption
        .damaged
        .store(round.damaged, Ordering::Relaxed);
    for column in standing(context).await?.columns {
        column.note(context);
    }
    Ok(false)
}

/// The newest key over all servers.
async fn head(context: &Context) -> Result<Option<String>, AppError> {
    Ok(store::data_key::find_head(&context.db).await?)
}

struct Batch {
    damaged: u64,
    /// Where the next batch begins; none: there is none.
    last: Option<String>,
}

async fn reseal_batch(
    context: &Context,
    column: &'static SealedColumn,
    name: KeyName,
    after: Option<&str>,
) -> Result<Batch, AppError> {
    let mut transaction = context.db.begin().await?;
    let limit = i64::try_from(BATCH).unwrap_or(i64::MAX);
    let values = column.claim(&mut transaction, name, after, limit).await?;
    let last = values
        .last()
        .filter(|_| values.len() == BATCH)
        .map(|value| value.key.clone());
    let mut resealed = Resealed::default();
    let mut damaged = 0;
    for value in values {
        match reseal(context, column, &value) {
            Ok((sealed, hash)) => {
                resealed.keys.push(value.key);
                resealed.sealed.push(sealed);
                resealed.hashes.push(hash);
            }
            Err(VaultError::Entropy) => return Err(AppError::internal(VaultError::Entropy)),
            Err(_) => damaged += 1,
        }
    }
    if !resealed.keys.is_empty() {
        column.update(&mut transaction, &resealed).await?;
    }
    transaction.commit().await?;
    let count = u64::try_from(resealed.keys.len()).unwrap_or(u64::MAX);
    telemetry::count_resealed(column.name, count, damaged);
    Ok(Batch { damaged, last })
}

/// The value under the newest key, with its keyed hash.
fn reseal(
    context: &Context,
    column: &SealedColumn,
    value: &SealedValue,
) -> Result<(Vec<u8>, Option<Vec<u8>>), VaultError> {
    let plain = context.vault.open(&value.place, &value.sealed)?;
    let hash = match &column.hash {
        None => None,
        Some(hash) => {
            let hashed = (hash.of)(&plain).ok_or(VaultError::Damaged)?;
            context.vault.hashes(&hashed).into_iter().next()
        }
    };
    let sealed = context.vault.seal(&value.place, &plain, context.entropy)?;
    Ok((sealed, hash))
}

/// What lies under which key.
#[derive(Debug)]
pub struct Standing {
    /// Whether a server that was started later seals under another key; then this one seals nothing again.
    pub is_superseded: bool,
    /// Each column.
    pub columns: Vec<ColumnStanding>,
}

/// Values of one column that do not lie under the newest key, counted up to [`COUNT_MAX`] for each key.
#[derive(Debug)]
pub struct ColumnStanding {
    /// `table.column`.
    pub name: &'static str,
    /// Under older keys, by their names.
    pub older: BTreeMap<String, i64>,
    /// Under keys that are not configured, by their names.
    pub unknown: BTreeMap<String, i64>,
}

impl ColumnStanding {
    fn note(&self, context: &Context) {
        for key in context.vault.older().map(|key| key.to_string()) {
            let values = self.older.get(&key).copied().unwrap_or(0);
            telemetry::note_old_key_values(self.name, key, values);
        }
        telemetry::note_old_key_values(self.name, "unknown".to_owned(), self.unknown.values().sum());
    }
}

/// Looks what lies under which key. Costs a few descents of an index, and reading what is left to do.
///
/// # Errors
/// When the database fails.
pub async fn standing(context: &Context) -> Result<Standing, AppError> {
    let newest = context.vault.newest();
    let older: Vec<KeyName> = context.vault.older().collect();
    let mut columns = Vec::new();
    for column in COLUMNS {
        let mut found = ColumnStanding {
            name: column.name,
            older: BTreeMap::new(),
            unknown: BTreeMap::new(),
        };
        for (name, values) in column.list_keys(&context.db, newest, &older, COUNT_MAX).await? {
            let is_older = older.iter().any(|key| key.as_bytes() == name);
            let name = if name.is_empty() {
                NAMELESS.to_owned()
            } else {
                hex::encode(name)
            };
            if is_older {
                &mut found.older
            } else {
                &mut found.unknown
            }
            .insert(name, values);
        }
        columns.push(found);
    }
    let head = head(context).await?;
    Ok(Standing {
        is_superseded: head.is_some_and(|head| head != newest.to_string()),
        columns,
    })
}
