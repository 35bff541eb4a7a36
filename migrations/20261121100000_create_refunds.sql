-- Money that goes back: the intents, how much of each payment they hold, and what went back for good.

create table refunds (
    id uuid not null constraint refunds_pkey primary key,
    order_id uuid not null constraint refunds_order_id_fkey references orders (id),
    transaction_id text not null constraint refunds_transaction_id_fkey references payments (transaction_id),
    out_refund_no text not null constraint refunds_out_refund_no_key unique
        constraint refunds_out_refund_no_check check (out_refund_no ~ '^[0-9A-Za-z_|*@-]{1,64}$'),
    amount_fen bigint not null constraint refunds_amount_fen_check check (amount_fen between 1 and 10000000000),
    reason text constraint refunds_reason_check check (length(reason) between 1 and 80),
    cause text not null constraint refunds_cause_check check (cause in ('operator', 'surplus')),
    is_restocking boolean not null,
    notify_url text not null,
    request_key text constraint refunds_request_key_key unique
        constraint refunds_request_key_check check (length(request_key) between 1 and 64),
    request_hash bytea,
    status text not null constraint refunds_status_check
        check (status in ('created', 'processing', 'succeeded', 'closed', 'abnormal')),
    refund_id text constraint refunds_refund_id_key unique,
    submit_at timestamptz not null,
    tried_at timestamptz,
    next_check_at timestamptz,
    checks integer not null default 0 constraint refunds_checks_check check (checks >= 0),
    lease_token uuid,
    lease_until timestamptz,
    failure_code text,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    succeeded_at timestamptz,
    constraint refunds_request_check check ((request_key is null) = (request_hash is null)),
    constraint refunds_succeeded_at_check check ((succeeded_at is not null) = (status = 'succeeded')),
    constraint refunds_next_check_at_check check ((next_check_at is null) = (status in ('succeeded', 'closed'))),
    constraint refunds_refund_id_check check (refund_id is not null or status in ('created', 'closed')),
    constraint refunds_lease_check check ((lease_token is null) = (lease_until is null)),
    constraint refunds_surplus_check check (cause = 'operator' or not is_restocking)
);

create unique index refunds_one_surplus_key on refunds (transaction_id) where cause = 'surplus';
create index refunds_order_id_idx on refunds (order_id, id);
create index refunds_transaction_id_idx on refunds (transaction_id, submit_at);
create index refunds_due_idx on refunds (next_check_at) where next_check_at is not null;

comment on table refunds is 'One out_refund_no at WeChat. The row is written before WeChat is asked; its number and amount never change.';
comment on column refunds.transaction_id is 'The payment that it gives back.';
comment on column refunds.out_refund_no is 'Our number of it at WeChat; never used for anything else.';
comment on column refunds.amount_fen is 'What goes back, in fen.';
comment on column refunds.reason is 'What the payer reads, as the operator wrote it.';
comment on column refunds.cause is 'Who wanted it: the operator, or the policy that money which no order wants goes back.';
comment on column refunds.is_restocking is 'Whether the order''s stock goes back when it succeeds.';
comment on column refunds.notify_url is 'Where WeChat was asked to send its notice: part of the parameters, which a repetition must not change.';
comment on column refunds.request_key is 'The Idempotency-Key of the operator''s request.';
comment on column refunds.request_hash is 'SHA-256 of that request: the same key with another body is refused.';
comment on column refunds.status is 'Where it stands, as domain::refund decides. Created: WeChat has not said yet that it took it.';
comment on column refunds.refund_id is 'WeChat''s number of it.';
comment on column refunds.submit_at is 'From when it may be sent: WeChat takes one a minute for a payment.';
comment on column refunds.tried_at is 'When it was first about to be sent: from then on WeChat may have it.';
comment on column refunds.next_check_at is 'When it is looked at next; null: nothing is left to ask.';
comment on column refunds.checks is 'How often it was looked at since the last news.';
comment on column refunds.lease_token is 'Who is asking WeChat about it now.';
comment on column refunds.lease_until is 'Until when that one may be waited for.';
comment on column refunds.failure_code is 'WeChat''s code when it refused last, or why it did not come about.';
comment on column refunds.succeeded_at is 'When the payer had the money, by WeChat''s clock.';

create table refund_balances (
    transaction_id text not null constraint refund_balances_pkey primary key
        constraint refund_balances_transaction_id_fkey references payments (transaction_id),
    order_id uuid not null constraint refund_balances_order_id_fkey references orders (id),
    is_surplus boolean not null,
    total_fen bigint not null,
    reserved_fen bigint not null,
    succeeded_fen bigint not null,
    refund_count integer not null,
    constraint refund_balances_reserved_fen_check check (reserved_fen between 0 and total_fen),
    constraint refund_balances_succeeded_fen_check check (succeeded_fen between 0 and reserved_fen),
    constraint refund_balances_refund_count_check check (refund_count between 0 and 50)
);

create index refund_balances_order_id_idx on refund_balances (order_id);

comment on table refund_balances is 'How much of a payment is spoken for. One row for each payment with refunds, kept by triggers alone; its checks bound refunds that are made at the same moment.';
comment on column refund_balances.transaction_id is 'The payment.';
comment on column refund_balances.is_surplus is 'Whether the order did not want the payment.';
comment on column refund_balances.total_fen is 'What was paid, in fen.';
comment on column refund_balances.reserved_fen is 'What its refunds hold or have given back, in fen; those that closed hold nothing.';
comment on column refund_balances.succeeded_fen is 'What went back, in fen.';
comment on column refund_balances.refund_count is 'How many refunds it has, those that closed apart; WeChat takes 50.';

create trigger refund_balances_by_triggers_alone before insert or update or delete on refund_balances
    for each row when (pg_trigger_depth() = 0) execute function refuse_change();
create trigger refund_balances_keep_all before truncate on refund_balances
    for each statement execute function refuse_change();

create function reserve_refund() returns trigger language plpgsql as $$
begin
    if new.status <> 'created' then
        raise exception 'a refund begins as created, not as %', new.status using errcode = 'restrict_violation';
    end if;
    insert into refund_balances (transaction_id, order_id, is_surplus, total_fen, reserved_fen, succeeded_fen, refund_count)
    select transaction_id, order_id, is_surplus, total_fen, new.amount_fen, 0, 1
    from payments where transaction_id = new.transaction_id and order_id = new.order_id
    on conflict on constraint refund_balances_pkey do update
        set reserved_fen = refund_balances.reserved_fen + excluded.reserved_fen,
            refund_count = refund_balances.refund_count + 1;
    if not found then
        raise exception 'the payment is another order''s' using errcode = 'restrict_violation';
    end if;
    return new;
end
$$;

-- After, not before: an insert that gives way to a conflict reserves nothing.
create trigger refunds_reserve after insert on refunds
    for each row execute function reserve_refund();

create function guard_refund() returns trigger language plpgsql as $$
begin
    if (new.id, new.order_id, new.transaction_id, new.out_refund_no, new.amount_fen, new.cause, new.is_restocking, new.notify_url,
            new.created_at)
        is distinct from
        (old.id, old.order_id, old.transaction_id, old.out_refund_no, old.amount_fen, old.cause, old.is_restocking, old.notify_url,
            old.created_at)
        or new.reason is distinct from old.reason
        or (old.refund_id is not null and new.refund_id is distinct from old.refund_id) then
        raise exception 'what a refund asks for never changes' using errcode = 'restrict_violation';
    end if;
    if new.status <> old.status and not (
        (old.status = 'created' and new.status in ('processing', 'succeeded', 'closed', 'abnormal'))
        or (old.status = 'processing' and new.status in ('succeeded', 'closed', 'abnormal'))
        or (old.status = 'abnormal' and new.status in ('succeeded', 'closed'))
    ) then
        raise exception 'a refund does not go from % to %', old.status, new.status using errcode = 'restrict_violation';
    end if;
    return new;
end
$$;

create trigger refunds_guard before update on refunds
    for each row execute function guard_refund();

create function settle_refund() returns trigger language plpgsql as $$
begin
    update refund_balances
    set reserved_fen = reserved_fen - case when new.status = 'closed' then new.amount_fen else 0 end,
        refund_count = refund_count - case when new.status = 'closed' then 1 else 0 end,
        succeeded_fen = succeeded_fen + case when new.status = 'succeeded' then new.amount_fen else 0 end
    where transaction_id = new.transaction_id;
    return new;
end
$$;

create trigger refunds_settle after update of status on refunds
    for each row when (new.status <> old.status and new.status in ('succeeded', 'closed'))
    execute function settle_refund();

create trigger refunds_keep before delete on refunds
    for each row execute function refuse_change();
create trigger refunds_keep_all before truncate on refunds
    for each statement execute function refuse_change();

create table refund_entries (
    refund_id text not null constraint refund_entries_pkey primary key,
    id uuid not null constraint refund_entries_id_key unique
        constraint refund_entries_id_fkey references refunds (id),
    order_id uuid not null constraint refund_entries_order_id_fkey references orders (id),
    transaction_id text not null constraint refund_entries_transaction_id_fkey references payments (transaction_id),
    out_refund_no text not null constraint refund_entries_out_refund_no_key unique,
    amount_fen bigint not null constraint refund_entries_amount_fen_check check (amount_fen >= 1),
    currency text not null constraint refund_entries_currency_check check (currency = 'CNY'),
    source text not null constraint refund_entries_source_check check (source in ('notification', 'query')),
    success_at timestamptz not null,
    recorded_at timestamptz not null
);

create index refund_entries_success_at_idx on refund_entries (success_at);
create index refund_entries_transaction_id_idx on refund_entries (transaction_id);
create index refund_entries_order_id_idx on refund_entries (order_id);

comment on table refund_entries is 'Money that went back, one row for each of WeChat''s refunds that succeeded; never changed, never deleted.';
comment on column refund_entries.refund_id is 'WeChat''s number of it.';
comment on column refund_entries.id is 'The refund.';
comment on column refund_entries.transaction_id is 'The payment that was given back, or a part of it.';
comment on column refund_entries.out_refund_no is 'Our number of it at WeChat.';
comment on column refund_entries.currency is 'Of the amount.';
comment on column refund_entries.amount_fen is 'What went back, in fen, before coupons.';
comment on column refund_entries.source is 'How we learned of it first.';
comment on column refund_entries.success_at is 'When the payer had the money, by WeChat''s clock.';

create trigger refund_entries_append_only before update or delete on refund_entries
    for each row execute function refuse_change();
create trigger refund_entries_keep_all before truncate on refund_entries
    for each statement execute function refuse_change();

-- Payments that no order wants are found here by the loop that gives them back.
create index payments_surplus_idx on payments (transaction_id) where is_surplus;

alter table orders add column restocked_at timestamptz;
comment on column orders.restocked_at is 'When a refund gave its stock back, which happens once.';

alter table events drop constraint events_kind_check;
alter table events add constraint events_kind_check
    check (kind in ('order.paid', 'order.closed', 'order.partially_refunded', 'order.refunded')) not valid;
