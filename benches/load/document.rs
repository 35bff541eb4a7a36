//! Documents: two collections with an index, one of ten thousand and one of a million documents, to be written to and
//! asked. What one request costs must not depend on which.

use crate::database::Database;

/// One of the two collections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Size {
    /// 10⁴ documents.
    Small,
    /// 10⁶ documents.
    Large,
}

impl Size {
    const BOTH: [Self; 2] = [Self::Small, Self::Large];

    /// The name of the collection.
    pub(crate) fn collection(self) -> &'static str {
        match self {
            Self::Small => "small",
            Self::Large => "large",
        }
    }

    /// Documents that are there before each round.
    fn documents(self) -> u64 {
        match self {
            Self::Small => 10_000,
            Self::Large => 1_000_000,
        }
    }

    /// How many groups there are.
    pub(crate) fn groups(self) -> u64 {
        self.documents() / GROUP
    }
}

/// How many people write.
pub(crate) const PEOPLE: u64 = 5_000;
/// How many of them belong together.
pub(crate) const GROUP: u64 = 50;
/// How many documents a question is answered with.
pub(crate) const PAGE: u64 = 20;

/// Declares the collections and fills them, unless that was done.
pub(crate) fn declare(database: &Database) {
    if database.count("select count(*) from collections") > 0 {
        return;
    }
    for size in Size::BOTH {
        let (name, documents) = (size.collection(), size.documents());
        database.run(&format!(
            "insert into collections (name, permission, next_number, created_at, updated_at)
             values ('{name}', 'all_read_owner_write', 2, '2026-01-01Z', '2026-01-01Z')"
        ));
        database.run(&format!(
            "insert into collection_indexes (collection_id, number, is_unique, fields, state)
             select id, 1, false, '{{group,n}}', 'ready' from collections where name = '{name}'"
        ));
        database.run(&format!(
            "select create_document_partition(id) from collections where name = '{name}'"
        ));
        database.run(&format!(
            "insert into documents (collection_id, id, version, created_at, updated_at, data)
             select c.id, ('0190a5a0-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 1, '2026-01-01Z', '2026-01-01Z',
                jsonb_build_object('n', n, 'group', n / {GROUP}, 'text', 'two cups of green tea')
             from collections c, generate_series(0, {documents} - 1) n where c.name = '{name}'"
        ));
    }
    database.run("vacuum analyze documents");
}

/// Takes away what a round has added, so that each finds the same.
pub(crate) fn clear(database: &Database) {
    database.run("delete from documents where data ->> 'group' = 'new'");
    database.run("vacuum analyze documents");
}

/// A document of its own.
pub(crate) fn body(number: u64) -> String {
    format!(r#"{{"data":{{"n":{number},"group":"new","text":"two cups of green tea"}}}}"#)
}

/// A page of a group, by the index.
pub(crate) fn question(size: Size, number: u64) -> String {
    let group = number % size.groups();
    format!(r#"{{"filter":{{"group":{group}}},"sort":[["n","desc"]],"limit":{PAGE}}}"#)
}
