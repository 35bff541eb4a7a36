-- Which data key new values are sealed under, over all servers.

create table data_keys (
    name text not null constraint data_keys_pkey primary key
        constraint data_keys_name_check check (name ~ '^[0-9a-f]{8}$'),
    headed_at timestamptz not null
);

comment on table data_keys is 'Every data key that servers have sealed under. The one that headed the list of the server that was started last is the one that counts.';
comment on column data_keys.name is 'The key by its name in sealed values: the first four bytes of its SHA-256 in hexadecimal.';
comment on column data_keys.headed_at is 'When the newest of the servers was started that have it in front of DATA_KEYS.';
