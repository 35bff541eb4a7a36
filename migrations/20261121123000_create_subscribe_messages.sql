-- Subscribe messages: what was sent to whom, and how many messages people have allowed.

create table subscribe_messages (
    id uuid not null constraint subscribe_messages_pkey primary key,
    app_id text not null constraint subscribe_messages_app_id_check check (length(app_id) between 1 and 32),
    openid text not null constraint subscribe_messages_openid_check check (length(openid) between 1 and 128),
    template_id text not null constraint subscribe_messages_template_id_check check (length(template_id) between 1 and 64),
    event_id uuid constraint subscribe_messages_event_id_fkey references events (id),
    dedup_key text constraint subscribe_messages_dedup_key_check check (length(dedup_key) between 1 and 64),
    body_hash bytea constraint subscribe_messages_body_hash_check check (length(body_hash) = 32),
    state text not null constraint subscribe_messages_state_check
        check (state in ('pending', 'sending', 'sent', 'refused', 'unknown', 'given_up')),
    attempts integer not null constraint subscribe_messages_attempts_check check (attempts >= 0),
    due_at timestamptz,
    lease_token uuid,
    lease_until timestamptz,
    unknown_at timestamptz,
    errcode bigint,
    msgid text constraint subscribe_messages_msgid_check check (length(msgid) between 1 and 64),
    told_at timestamptz,
    told_errcode bigint,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint subscribe_messages_due_at_check check ((due_at is not null) = (state = 'pending')),
    constraint subscribe_messages_lease_until_check check ((lease_until is not null) = (state = 'sending')),
    constraint subscribe_messages_lease_token_check check (lease_token is not null or state <> 'sending'),
    constraint subscribe_messages_pending_check check (event_id is not null or state not in ('pending', 'given_up')),
    constraint subscribe_messages_body_hash_with_key_check check ((body_hash is null) = (dedup_key is null)),
    constraint subscribe_messages_told_check check ((told_at is null) = (told_errcode is null))
);

create unique index subscribe_messages_dedup_key_key on subscribe_messages (app_id, openid, template_id, dedup_key)
    where dedup_key is not null;
create unique index subscribe_messages_event_id_template_id_key on subscribe_messages (event_id, template_id)
    where event_id is not null;
create unique index subscribe_messages_one_sending_key on subscribe_messages (app_id, openid) where state = 'sending';
create index subscribe_messages_due_idx on subscribe_messages (due_at, id) where state = 'pending';
create index subscribe_messages_lease_until_idx on subscribe_messages (lease_until) where state = 'sending';
create index subscribe_messages_openid_idx on subscribe_messages (app_id, openid, template_id);
create index subscribe_messages_created_at_idx on subscribe_messages (created_at);

comment on table subscribe_messages is 'Each subscribe message, written before WeChat is called. Kept for 30 days; what it said is not kept.';
comment on column subscribe_messages.app_id is 'The mini program.';
comment on column subscribe_messages.openid is 'To whom.';
comment on column subscribe_messages.template_id is 'The template, as WeChat''s console names it.';
comment on column subscribe_messages.event_id is 'The event of an order that it tells of; null: a service asked for it.';
comment on column subscribe_messages.dedup_key is 'Chosen by the service that asked: within it, user and template no second message is sent.';
comment on column subscribe_messages.body_hash is 'SHA-256 of what was asked for, so that the same key for something else is noticed.';
comment on column subscribe_messages.state is 'pending: it is tried when it is due; sending: the call may be under way, one at a time for each user; sent: WeChat took it; refused: it did not, for good; unknown: nobody knows, and it is not sent again; given_up: tried in vain too often.';
comment on column subscribe_messages.attempts is 'How often WeChat was called.';
comment on column subscribe_messages.due_at is 'When it is tried next, while it is pending.';
comment on column subscribe_messages.lease_token is 'Who sends it, or sent it last.';
comment on column subscribe_messages.lease_until is 'From then on whoever was sending it is taken for dead.';
comment on column subscribe_messages.unknown_at is 'When a try ended without anybody knowing whether WeChat took it; WeChat''s own report may tell.';
comment on column subscribe_messages.errcode is 'WeChat''s number of the last refusal; null with state refused: its values did not fit, and WeChat was not asked.';
comment on column subscribe_messages.msgid is 'WeChat''s number of the message.';
comment on column subscribe_messages.told_at is 'When WeChat reported what became of it.';
comment on column subscribe_messages.told_errcode is 'What WeChat reported: 0 it was shown, else why not.';

create table subscribe_grants (
    app_id text not null constraint subscribe_grants_app_id_check check (length(app_id) between 1 and 32),
    openid text not null constraint subscribe_grants_openid_check check (length(openid) between 1 and 128),
    template_id text not null constraint subscribe_grants_template_id_check check (length(template_id) between 1 and 64),
    answer text not null constraint subscribe_grants_answer_check check (answer in ('accept', 'reject', 'ban', 'filter')),
    told_by_page integer not null constraint subscribe_grants_told_by_page_check check (told_by_page >= 0),
    told_by_push integer not null constraint subscribe_grants_told_by_push_check check (told_by_push >= 0),
    used integer not null constraint subscribe_grants_used_check check (used >= 0),
    remaining integer not null generated always as (greatest(told_by_page, told_by_push) - used) stored
        constraint subscribe_grants_remaining_check check (remaining >= 0),
    updated_at timestamptz not null,
    constraint subscribe_grants_pkey primary key (app_id, openid, template_id)
);

comment on table subscribe_grants is 'How many messages of a template a user has allowed, as far as it is known here; WeChat''s own count decides.';
comment on column subscribe_grants.app_id is 'The mini program.';
comment on column subscribe_grants.openid is 'Who allowed them.';
comment on column subscribe_grants.template_id is 'The template, as WeChat''s console names it.';
comment on column subscribe_grants.answer is 'The last answer: accept, reject, or that WeChat asked nobody (ban, filter).';
comment on column subscribe_grants.told_by_page is 'How many acceptances pages have told of. Each popup is told by both, so that the larger count is the true one.';
comment on column subscribe_grants.told_by_push is 'How many acceptances WeChat''s push has told of.';
comment on column subscribe_grants.used is 'How many of them were used up or taken back.';
comment on column subscribe_grants.remaining is 'What is left; never negative.';
