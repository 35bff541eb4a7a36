//! What the operator declares of a collection.

use std::collections::BTreeSet;

use super::access::Permission;
use super::path::Path;
use super::{Wrong, below};
use crate::domain::name::AppId;

/// The most unique keys and indexes of a collection together: each one makes every write dearer.
pub const INDEXES_MAX: usize = 10;
/// The most fields of one.
pub const INDEX_FIELDS_MAX: usize = 5;
/// The most mini programs that share a collection.
pub const APPS_MAX: usize = 100;
/// What stands for the owner among the fields of a key.
pub const OWNER: &str = "$owner";

/// A unique key, or indexed fields.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Index {
    /// Whether no two documents may agree in it.
    pub is_unique: bool,
    /// Dotted fields, or [`OWNER`].
    pub fields: Vec<String>,
}

/// A collection as it is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Declaration {
    /// What users may do.
    pub permission: Permission,
    /// The mini programs that share it; none: all of this server.
    pub apps: Option<BTreeSet<AppId>>,
    /// Unique keys and indexed fields, each once.
    pub indexes: Vec<Index>,
}

impl Declaration {
    /// Checks unique keys and indexes as they were sent.
    ///
    /// # Errors
    /// For too many of them, one without fields, with too many, or there twice.
    pub fn indexes(unique: &[Vec<String>], indexes: &[Vec<String>]) -> Result<Vec<Index>, Wrong> {
        let mut all: Vec<Index> = Vec::new();
        for (list, is_unique, pointer) in [(unique, true, "/unique"), (indexes, false, "/indexes")] {
            for (at, fields) in list.iter().enumerate() {
                let at = below(pointer, &at.to_string());
                let index = Index {
                    is_unique,
                    fields: checked(fields, &at)?,
                };
                if all.contains(&index) {
                    return Err(Wrong::new(at, "duplicate", "is there twice"));
                }
                if all.len() == INDEXES_MAX {
                    let detail = format!("at most {INDEXES_MAX} unique keys and indexes together");
                    return Err(Wrong::new(at, "length", detail));
                }
                all.push(index);
            }
        }
        Ok(all)
    }
}

fn checked(fields: &[String], pointer: &str) -> Result<Vec<String>, Wrong> {
    if fields.is_empty() || fields.len() > INDEX_FIELDS_MAX {
        return Err(Wrong::new(
            pointer,
            "length",
            format!("1 to {INDEX_FIELDS_MAX} fields"),
        ));
    }
    let mut taken: Vec<String> = Vec::with_capacity(fields.len());
    for (at, field) in fields.iter().enumerate() {
        let at = below(pointer, &at.to_string());
        if field != OWNER {
            Path::parse(field, &at)?;
        }
        if taken.contains(field) {
            return Err(Wrong::new(at, "duplicate", "is there twice"));
        }
        taken.push(field.clone());
    }
    Ok(taken)
}
