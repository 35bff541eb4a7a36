//! Under which data keys secrets lie, and whether an old key may go.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::{Check, Status, unseen};
use crate::service::Context;
use crate::service::reencryption::{COUNT_MAX, ColumnStanding, Standing};

pub(super) fn check(context: &Context, standing: Option<&Standing>) -> Check {
    let Some(standing) = standing else { return unseen() };
    let remaining = values(standing, |column| &column.older);
    let unknown = values(standing, |column| &column.unknown);
    let damaged = context.reencryption.damaged();
    let older: Vec<String> = context.vault.older().map(|key| key.to_string()).collect();
    let used: BTreeSet<&String> = remaining.values().flat_map(|keys| keys.keys()).collect();
    let removable: Vec<&String> = older.iter().filter(|key| !used.contains(key)).collect();
    let check = if !unknown.is_empty() {
        Check::new(
            Status::Degraded,
            "values are sealed under keys that are not in DATA_KEYS: add those keys at its end, or give up what lies under one that leaked or is lost",
        )
    } else if standing.is_superseded {
        Check::new(
            Status::Degraded,
            "a server that was started later seals under another key: give all servers the same DATA_KEYS",
        )
    } else if damaged > 0 && !remaining.is_empty() {
        Check::new(
            Status::Degraded,
            "values do not open although their key is known: they were altered or moved in the database",
        )
    } else if !remaining.is_empty() {
        Check::ok("values under older keys are being sealed again: keep those keys")
    } else if older.is_empty() {
        Check::ok("everything lies under the one key")
    } else {
        Check::ok("everything lies under the newest key: older keys may be removed")
    };
    check
        .figure("newest", context.vault.newest().to_string())
        .figure("older", json!(older))
        .figure(
            "removable",
            json!(if standing.is_superseded {
                Vec::new()
            } else {
                removable
            }),
        )
        .figure("remaining", json!(remaining))
        .figure("unknown", json!(unknown))
        .figure("damaged", damaged)
        .figure("counted_up_to", COUNT_MAX)
}

/// By column and key, leaving out columns without such values.
fn values(
    standing: &Standing,
    of: fn(&ColumnStanding) -> &BTreeMap<String, i64>,
) -> BTreeMap<&'static str, &BTreeMap<String, i64>> {
    let columns = standing.columns.iter();
    columns
        .map(|column| (column.name, of(column)))
        .filter(|(_, keys)| !keys.is_empty())
        .collect()
}
