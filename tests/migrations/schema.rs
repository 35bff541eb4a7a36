//! What the migrations leave behind, as the database tells it.

use sqlx::PgConnection;

use crate::database::Database;

/// Columns whose name and type say all there is to say.
const PLAIN: [&str; 14] = [
    "id",
    "user_id",
    "order_id",
    "attempt_id",
    "product_id",
    "title",
    "nickname",
    "note",
    "quantity",
    "created_at",
    "updated_at",
    "received_at",
    "recorded_at",
    "occurred_at",
];

const NONE: [&str; 0] = [];

async fn lines(connection: &mut PgConnection, sql: &'static str) -> Vec<String> {
    sqlx::query_scalar(sql).fetch_all(connection).await.unwrap()
}

const COLUMNS: &str =
    "select format('%s.%s %s%s%s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod),
        case when a.attnotnull then ' not null' else '' end,
        case when a.attidentity <> '' then ' identity'
             when d.adbin is not null then ' default ' || pg_get_expr(d.adbin, d.adrelid) else '' end)
    from pg_attribute a join pg_class c on c.oid = a.attrelid
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and c.relname <> '_sqlx_migrations'
        and a.attnum > 0 and not a.attisdropped
    order by c.relname, a.attnum";

const CONSTRAINTS: &str = "select format('%s %s: %s', c.relname, k.conname, pg_get_constraintdef(k.oid))
    from pg_constraint k join pg_class c on c.oid = k.conrelid
    where c.relnamespace = 'public'::regnamespace and c.relname <> '_sqlx_migrations' and k.contype <> 'n'
    order by c.relname, k.conname";

const INDEXES: &str = "select indexdef from pg_indexes
    where schemaname = 'public' and tablename <> '_sqlx_migrations' order by tablename, indexname";

const TRIGGERS: &str = "select pg_get_triggerdef(t.oid) from pg_trigger t
    where not t.tgisinternal order by t.tgrelid::regclass::text, t.tgname";

#[tokio::test]
async fn the_schema_is_pinned() {
    let database = Database::migrated().await;
    let mut connection = database.connect().await;
    let mut text = String::new();
    for (title, sql) in [
        ("columns", COLUMNS),
        ("constraints", CONSTRAINTS),
        ("indexes", INDEXES),
        ("triggers", TRIGGERS),
    ] {
        text.push_str(title);
        text.push('\n');
        for line in lines(&mut connection, sql).await {
            text.push_str("  ");
            text.push_str(&line);
            text.push('\n');
        }
    }
    insta::assert_snapshot!(text);
    database.drop().await;
}

#[tokio::test]
async fn every_table_and_every_column_that_needs_it_is_explained() {
    let database = Database::migrated().await;
    let mut connection = database.connect().await;
    let tables = "select relname::text from pg_class c
        where relnamespace = 'public'::regnamespace and relkind in ('r', 'p') and relname <> '_sqlx_migrations'
            and obj_description(oid, 'pg_class') is null";
    assert!(lines(&mut connection, tables).await.is_empty());
    let columns = "select format('%s.%s', c.relname, a.attname)
        from pg_attribute a join pg_class c on c.oid = a.attrelid
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and c.relname <> '_sqlx_migrations'
            and a.attnum > 0 and not a.attisdropped and col_description(c.oid, a.attnum) is null
        order by 1";
    let bare: Vec<String> = lines(&mut connection, columns)
        .await
        .into_iter()
        .filter(|column| {
            let name = column.split('.').nth(1).unwrap();
            !PLAIN.contains(&name) && !PLAIN.contains(&column.as_str())
        })
        .collect();
    assert!(bare.is_empty(), "{bare:#?}");
    database.drop().await;
}

#[tokio::test]
async fn constraints_and_indexes_are_named_after_what_they_hold() {
    let database = Database::migrated().await;
    let mut connection = database.connect().await;
    let constraints = "select format('%s %s %s', c.relname, k.conname, k.contype)
        from pg_constraint k join pg_class c on c.oid = k.conrelid
        where c.relnamespace = 'public'::regnamespace and c.relname <> '_sqlx_migrations' and k.contype <> 'n'";
    for line in lines(&mut connection, constraints).await {
        let [table, name, kind] = line.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let ending = match kind {
            "p" => "_pkey",
            "u" => "_key",
            "f" => "_fkey",
            "c" => "_check",
            other => panic!("{other}"),
        };
        assert!(
            name.starts_with(&format!("{table}_")) && name.ends_with(ending),
            "{line}"
        );
        // PostgreSQL numbers those that nobody named.
        assert!(
            !name
                .trim_end_matches(ending)
                .ends_with(|last: char| last.is_ascii_digit()),
            "{line}"
        );
    }
    let indexes = "select format('%s %s', tablename, indexname) from pg_indexes
        where schemaname = 'public' and tablename <> '_sqlx_migrations'";
    for line in lines(&mut connection, indexes).await {
        let (table, name) = line.split_once(' ').unwrap();
        assert!(name.starts_with(&format!("{table}_")), "{line}");
        assert!(
            ["_pkey", "_key", "_idx"]
                .iter()
                .any(|ending| name.ends_with(ending)),
            "{line}"
        );
    }
    // What refers to another table has an index to be found by.
    let bare = "select format('%s.%s', c.conrelid::regclass, a.attname)
        from pg_constraint c join pg_attribute a on a.attrelid = c.conrelid and a.attnum = c.conkey[1]
        where c.contype = 'f' and not exists (select from pg_index i where i.indrelid = c.conrelid and i.indkey[0] = c.conkey[1])
        order by 1";
    assert_eq!(lines(&mut connection, bare).await, NONE);
    database.drop().await;
}

#[tokio::test]
async fn money_is_a_whole_number_and_time_has_a_zone() {
    let database = Database::migrated().await;
    let mut connection = database.connect().await;
    let wrong =
        "select format('%s.%s %s', table_name, column_name, data_type) from information_schema.columns
        where table_schema = 'public' and table_name <> '_sqlx_migrations' and (
            (column_name ~ '_fen$' and data_type <> 'bigint')
            or (column_name ~ '(_at|_until)$' and data_type <> 'timestamp with time zone')
            or data_type in ('real', 'double precision', 'numeric', 'money', 'timestamp without time zone',
                'character varying', 'character', 'json', 'USER-DEFINED'))
        order by 1";
    assert_eq!(lines(&mut connection, wrong).await, NONE);
    // A state is text that a CHECK holds to its words.
    let states = "select format('%s.%s', c.table_name, c.column_name) from information_schema.columns c
        where c.table_schema = 'public' and c.column_name in ('status', 'state') and not exists (
            select from pg_constraint k where k.conrelid = c.table_name::regclass and k.contype = 'c'
                and k.conname = format('%s_%s_check', c.table_name, c.column_name))
        order by 1";
    assert_eq!(lines(&mut connection, states).await, NONE);
    database.drop().await;
}
