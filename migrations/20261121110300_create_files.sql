-- Files that users keep: the row before the object, and the row after it.

create table file_stores (
    id uuid not null constraint file_stores_pkey primary key,
    is_only boolean not null constraint file_stores_is_only_key unique constraint file_stores_is_only_check check (is_only)
);

-- Random, so that two databases that are given the same folder or bucket do not see each other's files.
insert into file_stores (id, is_only) values (gen_random_uuid(), true);

create table files (
    id uuid not null constraint files_pkey primary key,
    user_id uuid not null constraint files_user_id_fkey references users (id),
    extension text not null constraint files_extension_check check (extension in ('jpg', 'png', 'gif', 'webp')),
    bytes bigint not null constraint files_bytes_check check (bytes between 1 and 16777216),
    sha256 bytea not null constraint files_sha256_length_check check (octet_length(sha256) = 32),
    width integer not null constraint files_width_check check (width between 1 and 16384),
    height integer not null constraint files_height_check check (height between 1 and 16384),
    shard smallint not null constraint files_shard_check check (shard between 0 and 255),
    state text not null constraint files_state_check check (state in ('storing', 'stored', 'removing')),
    created_at timestamptz not null,
    stored_at timestamptz,
    check_at timestamptz,
    emptied_at timestamptz,
    missing_at timestamptz,
    constraint files_stored_at_check check (state <> 'stored' or stored_at is not null),
    constraint files_check_at_check check ((state = 'stored') = (check_at is null)),
    constraint files_emptied_at_check check (emptied_at is null or state = 'removing'),
    constraint files_missing_at_check check (missing_at is null or state = 'stored')
);

create index files_user_id_idx on files (user_id, id);
create index files_user_id_created_at_idx on files (user_id, created_at);
create index files_check_at_idx on files (check_at) where state <> 'stored';
create index files_shard_idx on files (shard, id) where state = 'stored';
create index files_missing_at_idx on files (missing_at) where missing_at is not null;

comment on table file_stores is 'The one name under which the files of this database lie in the store; made with the table.';
comment on column file_stores.is_only is 'Always true, and unique: there is one row.';
comment on table files is 'One row for each file that a user keeps. It is written before the object and outlives it by a day.';
comment on column files.extension is 'What the content is, and how the address ends.';
comment on column files.bytes is 'The size of what is served, which is what was sent without its metadata.';
comment on column files.sha256 is 'The hash of what is served.';
comment on column files.width is 'In pixels, as the header of the picture tells.';
comment on column files.height is 'In pixels, as the header of the picture tells.';
comment on column files.shard is 'The last byte of the id: the part of the store that the object lies in.';
comment on column files.state is 'storing: the object is being written, or the writer died; stored: it can be fetched; removing: nobody sees it any more, and its object goes.';
comment on column files.stored_at is 'Since when it can be fetched.';
comment on column files.check_at is 'When the loop looks at a file that is not stored; claiming pushes it on, which is the lease.';
comment on column files.emptied_at is 'When the object was removed for the first time; a write that was late is removed a day later, and the row with it.';
comment on column files.missing_at is 'Since when a stored file is known to have no object.';
