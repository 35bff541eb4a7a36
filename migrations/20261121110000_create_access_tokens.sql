-- The access token of each mini program, and who refreshed it and why.

create table access_tokens (
    app_id text not null constraint access_tokens_pkey primary key
        constraint access_tokens_app_id_check check (length(app_id) between 1 and 32),
    fence bigint not null constraint access_tokens_fence_check check (fence > 0),
    lease_until timestamptz,
    secret_hash bytea not null,
    token bytea,
    token_number bigint,
    issuer text constraint access_tokens_issuer_check check (issuer in ('stable_token', 'token')),
    obtained_at timestamptz,
    expires_at timestamptz,
    refused_at timestamptz,
    trusted_until timestamptz,
    due_at timestamptz not null,
    forced_at timestamptz,
    forced_day date,
    forced_count integer not null constraint access_tokens_forced_count_check check (forced_count >= 0),
    failure_count integer not null constraint access_tokens_failure_count_check check (failure_count >= 0),
    failure text constraint access_tokens_failure_check check (length(failure) between 1 and 40),
    failure_errcode bigint,
    failure_address text constraint access_tokens_failure_address_check check (length(failure_address) between 2 and 45),
    failed_since timestamptz,
    rest_until timestamptz,
    constraint access_tokens_token_check check ((token is null) = (token_number is null)
        and (token is null) = (issuer is null) and (token is null) = (obtained_at is null)
        and (token is null) = (expires_at is null)),
    constraint access_tokens_token_number_check check (token_number <= fence),
    constraint access_tokens_failed_check check ((failure_count = 0) = (failure is null)
        and (failure is null) = (failed_since is null) and (failure is null) = (rest_until is null)),
    constraint access_tokens_forced_check check ((forced_at is null) = (forced_day is null))
);

create index access_tokens_due_idx on access_tokens (due_at);

comment on table access_tokens is 'One row for each mini program whose API was called. Whoever holds the lease fetches a token, everybody else reads.';
comment on column access_tokens.app_id is 'The mini program.';
comment on column access_tokens.fence is 'Rises with each lease. Only who holds the newest may write; what comes later from an older one is refused.';
comment on column access_tokens.lease_until is 'Until then somebody is fetching a token; null: nobody.';
comment on column access_tokens.secret_hash is 'Keyed hash of the app secret that was used last: another secret ends the rest after a refusal.';
comment on column access_tokens.token is 'The token, encrypted under DATA_KEYS with this row''s app_id as associated data; null: none was ever fetched.';
comment on column access_tokens.token_number is 'The fence under which this very token came: names the token without showing it.';
comment on column access_tokens.issuer is 'Which of WeChat''s two issuers gave it.';
comment on column access_tokens.obtained_at is 'When this very token first came.';
comment on column access_tokens.expires_at is 'When the token ends, as WeChat said.';
comment on column access_tokens.refused_at is 'When WeChat refused the token before its end; null: it works as far as is known.';
comment on column access_tokens.trusted_until is 'Until then a refusal of the token is not believed: its issuer has just said that it is the right one.';
comment on column access_tokens.due_at is 'When it is refreshed by itself.';
comment on column access_tokens.forced_at is 'When a new token was last demanded in place of one that WeChat still calls right.';
comment on column access_tokens.forced_day is 'The day in China that forced_count is of.';
comment on column access_tokens.forced_count is 'How often that was demanded on that day.';
comment on column access_tokens.failure_count is 'How many tries in a row gave no token.';
comment on column access_tokens.failure is 'Why the last one gave none, in a word.';
comment on column access_tokens.failure_errcode is 'WeChat''s number of that refusal; null: there was no such answer.';
comment on column access_tokens.failure_address is 'The address of this server that WeChat saw and does not allow.';
comment on column access_tokens.failed_since is 'When the first of these tries failed.';
comment on column access_tokens.rest_until is 'Until then WeChat is not asked again.';

create table access_token_refreshes (
    id uuid not null constraint access_token_refreshes_pkey primary key,
    app_id text not null,
    fence bigint not null,
    ended_at timestamptz not null,
    process text not null constraint access_token_refreshes_process_check check (length(process) between 1 and 40),
    reason text not null constraint access_token_refreshes_reason_check
        check (reason in ('none', 'due', 'refused', 'reported')),
    outcome text not null constraint access_token_refreshes_outcome_check
        check (outcome in ('new', 'same', 'failed', 'stale')),
    is_forced boolean not null,
    errcode bigint,
    failure text,
    lost_s bigint constraint access_token_refreshes_lost_s_check check (lost_s > 0)
);

create index access_token_refreshes_app_id_idx on access_token_refreshes (app_id, id);

comment on table access_token_refreshes is 'The newest 200 tries of each mini program to fetch an access token.';
comment on column access_token_refreshes.app_id is 'The mini program.';
comment on column access_token_refreshes.fence is 'The lease under which it was made.';
comment on column access_token_refreshes.ended_at is 'When its answer came, or was given up.';
comment on column access_token_refreshes.process is 'Which server made it: a name that each makes up when it starts.';
comment on column access_token_refreshes.reason is 'none: there was no live token; due: before its end; refused: a call with it was refused; reported: another service said so.';
comment on column access_token_refreshes.outcome is 'new: another token came; same: the one that was known; failed: none; stale: somebody with a newer lease had taken over, and it was not written.';
comment on column access_token_refreshes.is_forced is 'Whether a new token was demanded in place of one that WeChat still calls right.';
comment on column access_token_refreshes.errcode is 'WeChat''s number of a refusal.';
comment on column access_token_refreshes.failure is 'Why there was none, in a word.';
comment on column access_token_refreshes.lost_s is 'How many seconds the token before had still to live when WeChat refused it and gave another one: somebody else had it replaced.';
