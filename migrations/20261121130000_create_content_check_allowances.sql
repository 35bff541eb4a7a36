-- How many names and notes of a user were checked, so that nobody uses up the calls of the whole mini program.

create table content_check_allowances (
    user_id uuid not null constraint content_check_allowances_pkey primary key
        constraint content_check_allowances_user_id_fkey references users (id),
    since timestamptz not null,
    used integer not null constraint content_check_allowances_used_check check (used between 1 and 100)
);

create index content_check_allowances_since_idx on content_check_allowances (since);

comment on table content_check_allowances is 'How many names and notes of a user WeChat was asked to check within a day.';
comment on column content_check_allowances.since is 'When the day began, with the first of them.';
comment on column content_check_allowances.used is 'How many since then, 100 at the most.';
