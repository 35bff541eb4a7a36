-- Collections: what a page stores without a backend of its own. Documents lie in one table with a
-- partition for each collection, so that a collection has its own indexes and goes at once.

create table collections (
    id integer generated always as identity constraint collections_pkey primary key,
    name text not null constraint collections_name_check check (name ~ '^[A-Za-z0-9_-]{1,64}$'),
    permission text not null constraint collections_permission_check
        check (permission in ('all_read_owner_write', 'owner_only', 'all_read', 'closed')),
    apps text[],
    schema jsonb,
    next_number integer not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    removed_at timestamptz,
    constraint collections_apps_check check (cardinality(apps) between 1 and 100)
);

create unique index collections_name_key on collections (name) where removed_at is null;

comment on table collections is 'What the operator declared. The documents of one lie in the partition documents_ID.';
comment on column collections.name is 'How pages name it.';
comment on column collections.permission is 'What users may do, as domain::collection::access says.';
comment on column collections.apps is 'The mini programs that share it; null: all of this server.';
comment on column collections.schema is 'The JSON Schema that each document holds to when it is written; null: none.';
comment on column collections.removed_at is 'When the operator removed it; the row goes when its documents are gone.';
comment on column collections.next_number is 'The number of its next index; numbers are not used again.';

create table collection_indexes (
    collection_id integer not null constraint collection_indexes_collection_id_fkey references collections (id),
    number integer not null,
    is_unique boolean not null,
    fields text[] not null constraint collection_indexes_fields_check check (cardinality(fields) between 1 and 5),
    state text not null constraint collection_indexes_state_check check (state in ('building', 'ready', 'dropping')),
    constraint collection_indexes_pkey primary key (collection_id, number)
);

comment on table collection_indexes is 'Unique keys and indexed fields. A row is written before its index is made, and goes after it.';
comment on column collection_indexes.collection_id is 'Whose it is.';
comment on column collection_indexes.number is 'Part of the index''s name: documents_ID_NUMBER_key or _idx.';
comment on column collection_indexes.is_unique is 'Whether it is a unique key.';
comment on column collection_indexes.fields is 'Dotted fields of the document, in order; $owner stands for the owner.';
comment on column collection_indexes.state is 'Ready: it holds and may be relied on. Otherwise it is on its way in or out.';

-- The one order of all JSON values, of which equality, ranges, sorting, keys and indexes are made. It
-- is total, knows no null, does not depend on the database's language, and fits into a B-tree.
create type document_key as (rank smallint, number numeric, label text collate "C");

comment on type document_key is 'Where a JSON value stands among all: nothing and null, numbers, texts, objects, arrays, truth values.';

-- A long text is told from another with the same 256 characters by its hash; objects and arrays by a hash
-- that does not see how a number is written, as equality does not. Who asks for equality asks again.
create function document_key(value jsonb) returns document_key
    language plpgsql immutable parallel safe cost 20 as $$
declare
    label text;
begin
    case jsonb_typeof(value)
        when 'number' then return row(1, value::numeric, null)::document_key;
        when 'string' then
            label := value #>> '{}';
            if length(label) > 256 then
                label := left(label, 256) || md5(label);
            end if;
            return row(2, null, label)::document_key;
        when 'object' then
            return row(3, null, jsonb_hash_extended(value, 0) || ' ' || jsonb_hash_extended(value, 1))::document_key;
        when 'array' then
            return row(4, null, jsonb_hash_extended(value, 0) || ' ' || jsonb_hash_extended(value, 1))::document_key;
        when 'boolean' then return row(5, value::boolean::integer, null)::document_key;
        else return row(0, null, null)::document_key;
    end case;
end
$$;

create table documents (
    collection_id integer not null,
    id uuid not null,
    owner_id uuid,
    version bigint not null constraint documents_version_check check (version >= 1),
    created_at timestamptz not null,
    updated_at timestamptz not null,
    data jsonb not null constraint documents_data_check
        check (jsonb_typeof(data) = 'object' and octet_length(data::text) <= 262144),
    constraint documents_pkey primary key (collection_id, id)
) partition by list (collection_id);

create index documents_owner_id_idx on documents (owner_id, id);

comment on table documents is 'What pages store. Always asked for with its collection, so that one partition is looked at.';
comment on column documents.collection_id is 'The collection.';
comment on column documents.owner_id is 'The user who made it; null: the operator or a service of the owner. A user is never removed.';
comment on column documents.version is '1 when it is made, and one more with each change.';
comment on column documents.data is 'The document: a JSON object of at most 256 KiB, as it is answered.';

create table document_counts (
    collection_id integer not null,
    owner_id uuid not null,
    document_count integer not null constraint document_counts_document_count_check check (document_count between 0 and 10000),
    constraint document_counts_pkey primary key (collection_id, owner_id)
);

comment on table document_counts is 'How many documents a user has in a collection, kept by a trigger; its check is the quota.';
comment on column document_counts.collection_id is 'The collection.';
comment on column document_counts.owner_id is 'The user.';
comment on column document_counts.document_count is 'How many there are.';

create function count_documents_in() returns trigger language plpgsql as $$
begin
    insert into document_counts (collection_id, owner_id, document_count)
    select collection_id, owner_id, count(*) from added where owner_id is not null group by collection_id, owner_id
    on conflict on constraint document_counts_pkey do update
        set document_count = document_counts.document_count + excluded.document_count;
    return null;
end
$$;

create function count_documents_out() returns trigger language plpgsql as $$
begin
    update document_counts c set document_count = c.document_count - gone.document_count
    from (select collection_id, owner_id, count(*) as document_count from removed where owner_id is not null
        group by collection_id, owner_id) gone
    where c.collection_id = gone.collection_id and c.owner_id = gone.owner_id;
    return null;
end
$$;

create trigger documents_count_in after insert on documents
    referencing new table as added for each statement execute function count_documents_in();
create trigger documents_count_out after delete on documents
    referencing old table as removed for each statement execute function count_documents_out();

create table document_requests (
    collection_id integer not null,
    owner_id uuid not null,
    key text not null constraint document_requests_key_check check (length(key) between 1 and 64),
    request_hash bytea not null,
    document_ids uuid[] not null,
    created_at timestamptz not null,
    constraint document_requests_pkey primary key (collection_id, owner_id, key)
);

create index document_requests_created_at_idx on document_requests (created_at);

comment on table document_requests is 'One row for each Idempotency-Key with which documents were made; written in their transaction.';
comment on column document_requests.collection_id is 'The collection.';
comment on column document_requests.owner_id is 'Whose key it is; all zeros: the operator''s and the services''.';
comment on column document_requests.key is 'Chosen by the page, its own for each user and collection.';
comment on column document_requests.request_hash is 'SHA-256 of the documents: the same key with others is refused.';
comment on column document_requests.document_ids is 'The documents that it made, in order.';

create function document_index_name(of_collection integer, of_number integer) returns text
    language sql stable as $$
    select format('documents_%s_%s_%s', of_collection, of_number, case when i.is_unique then 'key' else 'idx' end)
    from collection_indexes i where i.collection_id = of_collection and i.number = of_number
$$;

-- What an index is made of, as text: whoever makes one uses this text and no other.
create function document_index_definition(of_collection integer, of_number integer, is_concurrent boolean) returns text
    language sql stable as $$
    select format('create %s index %s %I on %I (%s%s)',
        case when i.is_unique then 'unique' else '' end,
        case when is_concurrent then 'concurrently' else '' end,
        document_index_name(of_collection, of_number),
        'documents_' || of_collection,
        (select string_agg(
            case when f.field = '$owner' then 'owner_id'
                else format('document_key(data #> %L::text[])', string_to_array(f.field, '.')) end,
            ', ' order by f.position)
         from unnest(i.fields) with ordinality f (field, position)),
        case when i.is_unique then '' else ', id' end)
    from collection_indexes i where i.collection_id = of_collection and i.number = of_number
$$;

-- How an index goes.
create function document_index_removal(of_collection integer, of_number integer) returns text
    language sql stable as $$
    select format('drop index concurrently if exists %I', document_index_name(of_collection, of_number))
$$;

-- What is to be done next to be rid of a partition without blocking the others; null: nothing.
create function document_partition_removal(of_collection integer) returns text language sql stable as $$
    select case
        when i.inhrelid is null then format('drop table %I', c.relname)
        when i.inhdetachpending then format('alter table documents detach partition %I finalize', c.relname)
        else format('alter table documents detach partition %I concurrently', c.relname)
    end
    from pg_class c left join pg_inherits i on i.inhrelid = c.oid
    where c.oid = to_regclass('documents_' || of_collection)
$$;

-- The partition of a new collection with its indexes. Attaching it blocks nobody, since the parent is
-- locked against other changes of its shape alone.
create function create_document_partition(of_collection integer) returns void language plpgsql as $$
declare
    indexed integer;
begin
    execute format('create table %I (like documents including constraints including storage)', 'documents_' || of_collection);
    for indexed in select number from collection_indexes where collection_id = of_collection order by number loop
        execute document_index_definition(of_collection, indexed, false);
    end loop;
    execute format('alter table documents attach partition %I for values in (%s)', 'documents_' || of_collection, of_collection);
end
$$;

-- How many documents a collection has, more or less: as dense as they were when they were last counted.
create function estimate_documents(of_collection integer) returns bigint language sql volatile as $$
    select (pg_relation_size(c.oid) / current_setting('block_size')::integer
        * case when c.reltuples > 0 and c.relpages > 0 then c.reltuples / c.relpages else 8 end)::bigint
    from pg_class c where c.oid = to_regclass('documents_' || of_collection)
$$;
