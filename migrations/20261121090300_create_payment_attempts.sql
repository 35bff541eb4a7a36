-- Payment attempts at WeChat, and the money that landed through them.

create table payment_attempts (
    id uuid not null constraint payment_attempts_pkey primary key,
    order_id uuid not null constraint payment_attempts_order_id_fkey references orders (id),
    out_trade_no text not null constraint payment_attempts_out_trade_no_key unique
        constraint payment_attempts_out_trade_no_check check (out_trade_no ~ '^[0-9A-Za-z_|*-]{6,32}$'),
    app_id text not null,
    mch_id text not null,
    total_fen bigint not null constraint payment_attempts_total_fen_check check (total_fen between 1 and 10000000000),
    currency text not null constraint payment_attempts_currency_check check (currency = 'CNY'),
    state text not null constraint payment_attempts_state_check
        check (state = any ('{created,unknown,prepaid,settled,surplus,closed,failed}')),
    request_payment text,
    prepaid_at timestamptz,
    lease_token uuid,
    lease_until timestamptz,
    failure_code text,
    transaction_id text,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint payment_attempts_prepaid_check check ((request_payment is null) = (prepaid_at is null)),
    constraint payment_attempts_transaction_id_check check ((transaction_id is not null) = (state = any ('{settled,surplus}')))
);

create unique index payment_attempts_one_open_key on payment_attempts (order_id)
    where state in ('created', 'unknown', 'prepaid');
create unique index payment_attempts_one_settled_key on payment_attempts (order_id) where state = 'settled';
create unique index payment_attempts_transaction_id_key on payment_attempts (transaction_id)
    where transaction_id is not null;
create index payment_attempts_order_id_idx on payment_attempts (order_id, id desc);

comment on table payment_attempts is 'One out_trade_no at WeChat for an order. The row is written before WeChat is asked. At most one is open, at most one settled.';
comment on column payment_attempts.out_trade_no is 'Our number of it at WeChat; never used twice.';
comment on column payment_attempts.app_id is 'The mini program it is paid in.';
comment on column payment_attempts.mch_id is 'The merchant that is paid.';
comment on column payment_attempts.total_fen is 'What WeChat was asked to collect, in fen.';
comment on column payment_attempts.currency is 'Of the amount.';
comment on column payment_attempts.state is 'Where it stands, as domain::attempt decides.';
comment on column payment_attempts.request_payment is 'The signed parameters for wx.requestPayment as JSON, given again while the prepay id is fresh.';
comment on column payment_attempts.prepaid_at is 'When WeChat gave the prepay id; it lives two hours.';
comment on column payment_attempts.lease_token is 'Who is asking WeChat for the prepay id now: two taps at once make one call.';
comment on column payment_attempts.lease_until is 'Until when that one may be waited for.';
comment on column payment_attempts.failure_code is 'WeChat''s code when it refused the attempt for good.';
comment on column payment_attempts.transaction_id is 'WeChat''s number of the payment that landed through it.';

create table payments (
    transaction_id text not null constraint payments_pkey primary key,
    attempt_id uuid not null constraint payments_attempt_id_fkey references payment_attempts (id)
        constraint payments_attempt_id_key unique,
    order_id uuid not null constraint payments_order_id_fkey references orders (id),
    total_fen bigint not null constraint payments_total_fen_check check (total_fen >= 1),
    currency text not null,
    payer_openid text,
    is_surplus boolean not null,
    source text not null constraint payments_source_check check (source = any ('{notification,query}')),
    success_at timestamptz not null,
    recorded_at timestamptz not null
);

create unique index payments_one_wanted_key on payments (order_id) where not is_surplus;

comment on table payments is 'Money that landed, one row for each of WeChat''s payments; never changed, never deleted.';
comment on column payments.transaction_id is 'WeChat''s number of it.';
comment on column payments.total_fen is 'The order''s amount at WeChat, in fen, before coupons.';
comment on column payments.currency is 'Of the amount.';
comment on column payments.payer_openid is 'Who paid, by WeChat''s name; null where WeChat did not tell.';
comment on column payments.is_surplus is 'Whether the order did not want it (paid twice, or closed): it must go back.';
comment on column payments.source is 'How we learned of it first.';
comment on column payments.success_at is 'When the payer paid, by WeChat''s clock.';

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception '% rows are never changed', tg_table_name using errcode = 'restrict_violation';
end
$$;

create trigger payments_append_only before update or delete on payments
    for each row execute function refuse_change();
create trigger payments_keep_all before truncate on payments
    for each statement execute function refuse_change();

create function guard_order_status() returns trigger language plpgsql as $$
begin
    if new.status <> old.status and not (
        (old.status = 'awaiting_payment' and new.status in ('paid', 'closed'))
        or (old.status = 'paid' and new.status in ('partially_refunded', 'refunded'))
        or (old.status = 'partially_refunded' and new.status = 'refunded')
    ) then
        raise exception 'an order does not go from % to %', old.status, new.status using errcode = 'restrict_violation';
    end if;
    return new;
end
$$;

create trigger orders_guard_status before update of status on orders
    for each row execute function guard_order_status();
