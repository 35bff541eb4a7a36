-- Goods that were sent: what WeChat's order shipping management is told of them, and what it says.

create table shipments (
    id uuid not null constraint shipments_pkey primary key,
    order_id uuid not null constraint shipments_order_id_fkey references orders (id),
    position integer not null constraint shipments_position_check check (position between 1 and 50),
    generation integer not null constraint shipments_generation_check check (generation between 1 and position),
    transaction_id text not null constraint shipments_transaction_id_fkey references payments (transaction_id),
    kind text not null constraint shipments_kind_check check (kind in ('express', 'local', 'virtual', 'pickup')),
    parcels jsonb not null constraint shipments_parcels_check check (jsonb_array_length(parcels) between 1 and 15),
    is_split boolean not null,
    is_complete boolean not null,
    is_again boolean not null,
    cause text not null constraint shipments_cause_check check (cause in ('operator', 'setting')),
    request_key text constraint shipments_request_key_key unique
        constraint shipments_request_key_check check (length(request_key) between 1 and 64),
    request_hash bytea not null,
    status text not null constraint shipments_status_check
        check (status in ('created', 'uploaded', 'refused', 'needless', 'replaced')),
    upload_at timestamptz,
    may_have_arrived boolean not null default false,
    next_try_at timestamptz,
    tries integer not null default 0 constraint shipments_tries_check check (tries >= 0),
    lease_token uuid,
    lease_until timestamptz,
    failure_code text constraint shipments_failure_code_check check (length(failure_code) between 1 and 40),
    created_at timestamptz not null,
    updated_at timestamptz not null,
    ended_at timestamptz,
    constraint shipments_order_id_position_key unique (order_id, position),
    constraint shipments_split_check check (kind = 'express' or (is_complete and not is_split)),
    constraint shipments_next_try_at_check check ((next_try_at is not null) = (status = 'created')),
    constraint shipments_ended_at_check check ((ended_at is null) = (status = 'created')),
    constraint shipments_may_have_arrived_check check (upload_at is not null or not may_have_arrived),
    constraint shipments_lease_check check ((lease_token is null) = (lease_until is null))
);

create index shipments_due_idx on shipments (next_try_at) where next_try_at is not null;
create index shipments_transaction_id_idx on shipments (transaction_id);

comment on table shipments is 'One call of upload_shipping_info each: the row is written before WeChat is told, and what it says never changes.';
comment on column shipments.position is 'From 1 within the order. WeChat hears of them in this order.';
comment on column shipments.generation is 'Which telling of the order''s shipment it belongs to: parcels of one share it, a correction begins the next.';
comment on column shipments.transaction_id is 'The payment whose goods were sent; WeChat''s number of it.';
comment on column shipments.kind is 'How they were sent.';
comment on column shipments.parcels is 'What was sent: description, and by kind tracking_no, carrier and the masked receiver_contact.';
comment on column shipments.is_split is 'Whether there are several parcels, told in one call or in several.';
comment on column shipments.is_complete is 'Whether all of the order has been sent with it.';
comment on column shipments.is_again is 'Whether it takes the one chance that WeChat gives to correct what it was told.';
comment on column shipments.cause is 'Who wanted it: the operator, or the setting that virtual goods are sent when they are paid.';
comment on column shipments.request_key is 'The Idempotency-Key of the operator''s request, if there was one.';
comment on column shipments.request_hash is 'SHA-256 of that request: the same again changes nothing, the same key with another body is refused.';
comment on column shipments.status is 'Where it stands, as domain::shipment decides. Created: WeChat has not said yet that it has it.';
comment on column shipments.upload_at is 'The upload_time of the newest call, each later than those before it for the order; null: never called.';
comment on column shipments.may_have_arrived is 'Whether WeChat may have it though it did not say so: then it is asked before it is told again.';
comment on column shipments.next_try_at is 'When WeChat is told next; null: nothing is left to tell.';
comment on column shipments.tries is 'How often it was in somebody''s hands.';
comment on column shipments.lease_token is 'Who is telling WeChat now.';
comment on column shipments.lease_until is 'Until when that one may be waited for.';
comment on column shipments.failure_code is 'What stood in the way last: WeChat''s errcode, or what became of the connection.';
comment on column shipments.ended_at is 'When it came to its end.';

create function guard_shipment() returns trigger language plpgsql as $$
begin
    if (new.id, new.order_id, new.position, new.generation, new.transaction_id, new.kind, new.parcels, new.is_split, new.is_complete,
            new.is_again, new.cause, new.request_hash, new.created_at)
        is distinct from
        (old.id, old.order_id, old.position, old.generation, old.transaction_id, old.kind, old.parcels, old.is_split, old.is_complete,
            old.is_again, old.cause, old.request_hash, old.created_at)
        or new.request_key is distinct from old.request_key then
        raise exception 'what a shipment says never changes' using errcode = 'restrict_violation';
    end if;
    if new.status <> old.status and old.status <> 'created' then
        raise exception 'a shipment does not go from % to %', old.status, new.status using errcode = 'restrict_violation';
    end if;
    return new;
end
$$;

create trigger shipments_guard before update on shipments
    for each row execute function guard_shipment();
create trigger shipments_keep before delete on shipments
    for each row execute function refuse_change();
create trigger shipments_keep_all before truncate on shipments
    for each statement execute function refuse_change();

create table shipping_managements (
    app_id text not null constraint shipping_managements_pkey primary key,
    is_managed boolean,
    asked_at timestamptz,
    next_ask_at timestamptz not null,
    controlled_at timestamptz,
    access_reminded_at timestamptz,
    constraint shipping_managements_asked_at_check check ((asked_at is null) = (is_managed is null))
);

comment on table shipping_managements is 'Whether WeChat keeps the money of a mini program until it is told that the goods were sent.';
comment on column shipping_managements.app_id is 'The mini program.';
comment on column shipping_managements.is_managed is 'What WeChat answered last; null: it has not answered yet.';
comment on column shipping_managements.asked_at is 'When it answered.';
comment on column shipping_managements.next_ask_at is 'From when it may be asked again.';
comment on column shipping_managements.controlled_at is 'When a push of WeChat''s last said that it does.';
comment on column shipping_managements.access_reminded_at is 'When WeChat last asked for the interface to be used.';

create table trade_notices (
    transaction_id text not null constraint trade_notices_transaction_id_fkey references payments (transaction_id),
    kind text not null constraint trade_notices_kind_check check (kind in ('reminded', 'shipped', 'confirmed', 'settled')),
    order_id uuid not null constraint trade_notices_order_id_fkey references orders (id),
    happened_at timestamptz not null,
    figures jsonb not null,
    recorded_at timestamptz not null,
    constraint trade_notices_pkey primary key (transaction_id, kind)
);

create index trade_notices_order_id_idx on trade_notices (order_id);

comment on table trade_notices is 'What WeChat told by itself of a payment under order shipping management, the newest of each kind: for the timeline.';
comment on column trade_notices.transaction_id is 'The payment, by WeChat''s number.';
comment on column trade_notices.kind is 'reminded: it should be shipped by now; shipped: WeChat knows it sent; confirmed: received; settled: the money is free.';
comment on column trade_notices.happened_at is 'When, by WeChat''s clock.';
comment on column trade_notices.figures is 'What else it told.';

alter table events drop constraint events_kind_check;
alter table events add constraint events_kind_check
    check (kind in ('order.paid', 'order.closed', 'order.partially_refunded', 'order.refunded', 'order.shipped')) not valid;
