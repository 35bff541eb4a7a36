//! Documents: a collection with an index and a hundred thousand documents, to be written to and asked.

use crate::database::Database;

/// Documents that are there before the first round.
const DOCUMENTS: u64 = 100_000;
/// How many people write.
pub(crate) const PEOPLE: u64 = 5_000;
/// How many of them belong together.
pub(crate) const GROUP: u64 = 50;
/// How many groups there are.
pub(crate) const GROUPS: u64 = DOCUMENTS / GROUP;
/// How many documents a question is answered with.
pub(crate) const PAGE: u64 = 20;

/// Declares the collection and fills it, unless that was done.
pub(crate) fn declare(database: &Database) {
    if database.count("select count(*) from collections") > 0 {
        return;
    }
    database.run(
        "insert into collections (name, permission, next_number, created_at, updated_at)
         values ('bench', 'all_read_owner_write', 2, '2026-01-01Z', '2026-01-01Z')",
    );
    database.run(
        "insert into collection_indexes (collection_id, number, is_unique, fields, state)
         select id, 1, false, '{group,n}', 'ready' from collections",
    );
    database.run("select create_document_partition(id) from collections");
    database.run(&format!(
        "insert into documents (collection_id, id, version, created_at, updated_at, data)
         select c.id, ('0190a5a0-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, 1, '2026-01-01Z', '2026-01-01Z',
            jsonb_build_object('n', n, 'group', n / {GROUP}, 'text', 'two cups of green tea')
         from collections c, generate_series(0, {DOCUMENTS} - 1) n"
    ));
    database.run("vacuum analyze documents");
}

/// A document of its own.
pub(crate) fn body(number: u64) -> String {
    format!(r#"{{"data":{{"n":{number},"group":"new","text":"two cups of green tea"}}}}"#)
}

/// A page of a group, by the index.
pub(crate) fn question(number: u64) -> String {
    let group = number % GROUPS;
    format!(r#"{{"filter":{{"group":{group}}},"sort":[["n","desc"]],"limit":{PAGE}}}"#)
}
