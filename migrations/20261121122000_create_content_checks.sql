-- Pictures and sounds that WeChat was asked to look at, and what it says of them, whichever comes first.

create table content_checks (
    id uuid not null constraint content_checks_pkey primary key,
    app_id text not null constraint content_checks_app_id_check check (length(app_id) between 1 and 32),
    kind text not null constraint content_checks_kind_check check (kind in ('image', 'audio')),
    media_url text not null constraint content_checks_media_url_check check (octet_length(media_url) between 1 and 2048),
    trace_id text constraint content_checks_trace_id_check check (length(trace_id) between 1 and 128),
    decision text constraint content_checks_decision_check check (decision in ('pass', 'review', 'reject')),
    label bigint,
    reason text constraint content_checks_reason_check check (length(reason) between 1 and 40),
    created_at timestamptz not null,
    due_at timestamptz,
    decided_at timestamptz,
    constraint content_checks_decided_check check ((decision is null) = (reason is null)
        and (decision is null) = (decided_at is null) and (decision is null) = (due_at is not null)
        and (label is null or decision is not null)),
    constraint content_checks_pass_check check (decision is distinct from 'pass' or trace_id is not null)
);

create index content_checks_due_idx on content_checks (due_at) where due_at is not null;
create index content_checks_trace_id_idx on content_checks (app_id, trace_id) where trace_id is not null;
create index content_checks_created_at_idx on content_checks (created_at);

comment on table content_checks is 'Pictures and sounds that WeChat was asked to look at; written before it is asked. Texts are answered at once and leave no row.';
comment on column content_checks.app_id is 'The mini program.';
comment on column content_checks.kind is 'What it is: a picture or a sound.';
comment on column content_checks.media_url is 'Where the content lies, as whoever asked gave it.';
comment on column content_checks.trace_id is 'WeChat''s name of the look. Null: the call has not ended, or whoever made it died.';
comment on column content_checks.decision is 'Null: WeChat is still looking, and the content counts as one for review.';
comment on column content_checks.label is 'WeChat''s number of what it found; null where it gave none.';
comment on column content_checks.reason is 'Why, as a stable word. After timed_out a late result still counts, once.';
comment on column content_checks.due_at is 'When it is decided as one for review without WeChat; null once it is decided.';
comment on column content_checks.decided_at is 'When it was decided, the last time.';

create table content_check_results (
    app_id text not null,
    trace_id text not null,
    decision text constraint content_check_results_decision_check check (decision in ('pass', 'review', 'reject')),
    label bigint,
    reason text constraint content_check_results_reason_check check (length(reason) between 1 and 40),
    noted_at timestamptz not null,
    constraint content_check_results_pkey primary key (app_id, trace_id),
    constraint content_check_results_decided_check check ((decision is null) = (reason is null)
        and (label is null or decision is not null))
);

create index content_check_results_noted_at_idx on content_check_results (noted_at);

comment on table content_check_results is 'Where the answer that names a look and the push that tells its result meet: whoever comes first writes the row, whoever comes second waits for it and finds it.';
comment on column content_check_results.app_id is 'The mini program.';
comment on column content_check_results.trace_id is 'WeChat''s name of the look.';
comment on column content_check_results.decision is 'What the first push said; null: none has come.';
comment on column content_check_results.label is 'WeChat''s number of what it found.';
comment on column content_check_results.reason is 'Why, as a stable word.';
comment on column content_check_results.noted_at is 'When the row was written; kept for a month.';
