-- The flight recorder: refused deliveries, what a believed one moved, and deliveries that were run again.

alter table notifications
    add column event_id uuid,
    add column replay_of uuid,
    add column replayed_by text;
alter table notifications add constraint notifications_replayed_by_check
    check ((replay_of is null) = (replayed_by is null)) not valid;

create index notifications_serial_idx on notifications (wechat_serial, received_at) where replay_of is null;
create index notifications_unusual_idx on notifications (verdict, id) where verdict <> 'settled';

comment on column notifications.event_id is 'The move of the order that it caused; null: it moved none.';
comment on column notifications.replay_of is 'The recorded delivery that was run again; null: this one came from WeChat.';
comment on column notifications.replayed_by is 'Who ran it again. Its received_at is when.';

create table refused_notifications (
    id uuid not null constraint refused_notifications_pkey primary key,
    received_at timestamptz not null,
    verdict text not null,
    detail text not null,
    clock_ahead_s bigint,
    headers jsonb not null,
    body bytea not null constraint refused_notifications_body_check check (octet_length(body) <= 16384),
    body_bytes bigint,
    constraint refused_notifications_body_bytes_check check (body_bytes >= octet_length(body))
);

create index refused_notifications_received_at_idx on refused_notifications (received_at);
create index refused_notifications_verdict_idx on refused_notifications (verdict, id);

comment on table refused_notifications is 'Deliveries that were not believed, as they came: a bounded sample, never part of the books.';
comment on column refused_notifications.verdict is 'Why it was refused, in a word.';
comment on column refused_notifications.detail is 'Why it was refused and what helps, in a sentence or two.';
comment on column refused_notifications.clock_ahead_s is 'How far our clock was ahead of WeChat''s then, in seconds, by WeChat''s last answer; null: not known.';
comment on column refused_notifications.headers is 'The headers that matter as [name, value] in the order they came, each value cut at 1,024 characters.';
comment on column refused_notifications.body is 'The raw bytes, cut at 16,384.';
comment on column refused_notifications.body_bytes is 'How long the body was, in bytes; null: it could not be read.';
