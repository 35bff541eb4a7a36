//! The collection of the phone's notebook: each person's own notes, with a schema.

use crate::domain::clock::Clock;
use crate::domain::collection::access::Permission;
use crate::domain::collection::declaration::Declaration;
use crate::domain::entropy::Entropy;
use crate::domain::name::CollectionName;
use crate::store;
use crate::store::database::Database;

const NAME: &str = "notes";
/// A note is a text of at most 500 characters that are not all blank, and may be done.
const SCHEMA: &str = r#"{
    "type": "object",
    "properties": {"text": {"type": "string", "maxLength": 500, "pattern": "\\S"}, "done": {"type": "boolean"}},
    "required": ["text"]
}"#;

/// Declares the notebook's collection where nothing is declared yet.
///
/// # Errors
/// When the database fails.
pub async fn declare(db: &Database, clock: &Clock, entropy: Entropy) -> Result<(), store::Error> {
    if !store::collection::list(db, None, 1).await?.is_empty() {
        return Ok(());
    }
    let inconsistent = || store::Error::Inconsistent { table: "collections" };
    let declaration = Declaration {
        permission: Permission::OwnerOnly,
        apps: None,
        indexes: Vec::new(),
    };
    let name = CollectionName::parse(NAME).map_err(|_| inconsistent())?;
    let now = clock.now();
    let schema_id = entropy.uuid(now).map_err(|_| inconsistent())?;
    let mut tx = db.begin().await?;
    if let Some(id) = store::collection::insert(&mut tx, &name, &declaration, now).await? {
        store::collection_schema::update_pending(&mut *tx, id, schema_id, SCHEMA).await?;
        store::collection_schema::update_active(&mut *tx, id).await?;
    }
    tx.commit().await?;
    Ok(())
}
