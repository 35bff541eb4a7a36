-- What WeChat told us, what came of it, and what must be told on.

create table notifications (
    id uuid not null constraint notifications_pkey primary key,
    notify_id text not null,
    received_at timestamptz not null,
    wechat_timestamp text not null,
    wechat_nonce text not null,
    wechat_serial text not null,
    wechat_signature text not null,
    body bytea not null,
    verdict text not null,
    order_id uuid,
    attempt_id uuid
);

create index notifications_order_id_idx on notifications (order_id) where order_id is not null;
create index notifications_received_at_idx on notifications (received_at);

comment on table notifications is 'Each verified delivery of a WeChat Pay notification, as it came, with its verdict.';
comment on column notifications.notify_id is 'WeChat''s id of the notification; deliveries of one share it.';
comment on column notifications.wechat_timestamp is 'The header Wechatpay-Timestamp as it came, in seconds since 1970.';
comment on column notifications.wechat_nonce is 'The header Wechatpay-Nonce as it came.';
comment on column notifications.wechat_serial is 'The header Wechatpay-Serial as it came: which key signed.';
comment on column notifications.wechat_signature is 'The header Wechatpay-Signature as it came.';
comment on column notifications.body is 'The raw bytes that were signed; the resource in it is encrypted.';
comment on column notifications.verdict is 'What it turned out to be: settled, duplicate, the kind of an exception, or other.';

create table exceptions (
    id uuid not null constraint exceptions_pkey primary key,
    kind text not null,
    subject text not null,
    order_id uuid constraint exceptions_order_id_fkey references orders (id),
    detail text not null,
    evidence jsonb not null,
    created_at timestamptz not null,
    resolved_at timestamptz,
    resolution text,
    constraint exceptions_kind_subject_key unique (kind, subject),
    constraint exceptions_resolution_check check ((resolved_at is null) = (resolution is null))
);

create index exceptions_open_idx on exceptions (created_at) where resolved_at is null;
create index exceptions_order_id_idx on exceptions (order_id) where order_id is not null;

comment on table exceptions is 'Named differences that need a human. One row for each kind and subject, however often it is seen.';
comment on column exceptions.kind is 'What kind of difference, as domain::exception names it.';
comment on column exceptions.subject is 'What it is about: a payment number, or an order number.';
comment on column exceptions.evidence is 'What was seen, ours and theirs.';
comment on column exceptions.detail is 'A sentence for the human.';
comment on column exceptions.resolved_at is 'When a human was done with it; null: it is open.';
comment on column exceptions.resolution is 'What the human did about it.';

create table events (
    id uuid not null constraint events_pkey primary key,
    sequence bigint generated always as identity constraint events_sequence_key unique,
    kind text not null constraint events_kind_check check (kind = any ('{order.paid,order.closed}')),
    order_id uuid not null constraint events_order_id_fkey references orders (id),
    from_status text not null,
    to_status text not null,
    cause text not null,
    occurred_at timestamptz not null
);

create index events_order_id_idx on events (order_id, sequence);

comment on table events is 'Each move of an order, written in the transaction that makes it: the audit trail, and the outbox.';
comment on column events.sequence is 'The order in which they were written.';
comment on column events.kind is 'What happened, as it is told on.';
comment on column events.from_status is 'Where the order stood.';
comment on column events.to_status is 'Where it stands since.';
comment on column events.cause is 'What moved it: notification, query, close.';

create trigger events_append_only before update or delete on events
    for each row execute function refuse_change();
create trigger events_keep_all before truncate on events
    for each statement execute function refuse_change();
