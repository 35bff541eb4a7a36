-- Images of codes that WeChat made, so that it is asked once for each, and how many a user has had made.

create table wxacodes (
    app_id text not null constraint wxacodes_app_id_check check (char_length(app_id) between 1 and 32),
    request_hash bytea not null constraint wxacodes_request_hash_length_check check (octet_length(request_hash) = 32),
    file_id uuid constraint wxacodes_file_id_key unique constraint wxacodes_file_id_fkey references files (id) on delete set null,
    lease_token uuid,
    lease_until timestamptz,
    used_at timestamptz not null,
    constraint wxacodes_pkey primary key (app_id, request_hash),
    constraint wxacodes_lease_check check ((lease_token is null) = (lease_until is null)),
    constraint wxacodes_lease_file_check check (lease_token is null or file_id is null)
);

create index wxacodes_used_at_idx on wxacodes (used_at);

create table wxacode_allowances (
    user_id uuid not null constraint wxacode_allowances_pkey primary key constraint wxacode_allowances_user_id_fkey references users (id),
    since timestamptz not null,
    used integer not null constraint wxacode_allowances_used_check check (used between 1 and 100)
);

create index wxacode_allowances_since_idx on wxacode_allowances (since);

comment on table wxacodes is 'One row for each code image, by mini program and everything that was asked for. It is made before WeChat is asked.';
comment on column wxacodes.app_id is 'The mini program that the code opens.';
comment on column wxacodes.request_hash is 'SHA-256 of all parameters, those that were left out with their defaults.';
comment on column wxacodes.file_id is 'The picture. Null while WeChat is asked, and when the picture was lost.';
comment on column wxacodes.lease_token is 'Who asks WeChat at this moment; another may once lease_until has passed.';
comment on column wxacodes.lease_until is 'When the one who asks is taken for dead.';
comment on column wxacodes.used_at is 'When it was last asked for, to a day; images that nobody asks for are removed.';
comment on table wxacode_allowances is 'How many codes a user had WeChat make within a day. Answers from the store do not count.';
comment on column wxacode_allowances.since is 'When the day began, with the first of them.';
comment on column wxacode_allowances.used is 'How many since then, 100 at the most.';
