-- What WeChat tells by message push, and its way to EVENTS_WEBHOOK_URL beside the moves of orders.

create table push_messages (
    id uuid not null constraint push_messages_pkey primary key,
    sequence bigint not null default nextval('events_sequence_seq') constraint push_messages_sequence_key unique,
    app_id text not null,
    kind text not null constraint push_messages_kind_check check (kind ~ '^push\.(event|message)\.[A-Za-z0-9_]{1,64}$'),
    identity bytea not null constraint push_messages_identity_check check (octet_length(identity) = 32),
    message bytea not null,
    received_at timestamptz not null,
    constraint push_messages_app_id_identity_key unique (app_id, identity)
);

create index push_messages_received_at_idx on push_messages (received_at);
create index push_messages_message_name_idx on push_messages ((substring(message from 2 for 4)), id);

comment on table push_messages is 'Each message that WeChat pushed, once, written in the transaction with whatever it changed. Kept for 30 days, and for as long as it waits to be told.';
comment on column push_messages.sequence is 'Its place in the order in which events were written, counted together with those of orders.';
comment on column push_messages.app_id is 'The mini program it was pushed for.';
comment on column push_messages.kind is 'What it is called when it is told on: push.event.NAME or push.message.TYPE.';
comment on column push_messages.identity is 'SHA-256 of what a repetition is known by, as wechat::push::message says.';
comment on column push_messages.message is 'The message as it was opened, JSON or XML, sealed: people write in it.';

alter table event_deliveries
    alter column order_id drop not null,
    add column push_message_id uuid,
    -- Events are never deleted, and a delivery is written from the row it belongs to.
    drop constraint event_deliveries_event_id_fkey;
alter table event_deliveries add constraint event_deliveries_push_message_id_fkey
    foreign key (push_message_id) references push_messages (id) on delete cascade not valid;
alter table event_deliveries add constraint event_deliveries_subject_check
    check ((push_message_id is null and order_id is not null)
        or (push_message_id is not null and push_message_id = event_id and order_id is null)) not valid;

-- What waits of one kind is not in the way of the other.
drop index event_deliveries_due_idx;
create index event_deliveries_order_due_idx on event_deliveries (due_at) where state = 'pending' and order_id is not null;
create index event_deliveries_push_due_idx on event_deliveries (due_at)
    where state = 'pending' and push_message_id is not null;
create index event_deliveries_push_message_id_idx on event_deliveries (push_message_id) where push_message_id is not null;

comment on column event_deliveries.event_id is 'The event, a move of an order or a pushed message; its receiver knows it as webhook-id.';
comment on column event_deliveries.order_id is 'The order, of which a later event waits for the earlier ones; null: a pushed message, which waits for none.';
comment on column event_deliveries.push_message_id is 'The same as event_id where the event is a pushed message; null: it is a move of an order.';
