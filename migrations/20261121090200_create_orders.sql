-- Orders, their lines, and the keys that make their creation repeatable.

create table orders (
    id uuid not null constraint orders_pkey primary key,
    user_id uuid not null constraint orders_user_id_fkey references users (id),
    app_id text not null,
    openid text not null,
    status text not null constraint orders_status_check
        check (status = any ('{awaiting_payment,paid,closed,partially_refunded,refunded}')),
    total_fen bigint not null constraint orders_total_fen_check check (total_fen between 1 and 10000000000),
    refunded_fen bigint not null default 0,
    currency text not null constraint orders_currency_check check (currency = 'CNY'),
    description text not null,
    note text,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    expires_at timestamptz not null,
    paid_at timestamptz,
    closed_at timestamptz,
    shipped_at timestamptz,
    synced_at timestamptz,
    constraint orders_refunded_fen_check check (refunded_fen between 0 and total_fen),
    constraint orders_expires_at_check check (expires_at > created_at),
    constraint orders_paid_at_check
        check ((paid_at is not null) = (status = any ('{paid,partially_refunded,refunded}'))),
    constraint orders_closed_at_check check ((closed_at is not null) = (status = 'closed'))
);

create index orders_user_id_id_idx on orders (user_id, id desc);
create index orders_expires_at_idx on orders (expires_at) where status = 'awaiting_payment';

comment on table orders is 'What was bought. Statuses change only as domain::order decides.';
comment on column orders.app_id is 'The mini program it was made in, and is paid in.';
comment on column orders.openid is 'Who pays, by WeChat''s name; the user''s openid when the order was made.';
comment on column orders.status is 'Where it stands, as domain::order decides.';
comment on column orders.total_fen is 'What it costs, in fen: the sum of its lines.';
comment on column orders.refunded_fen is 'What went back to the payer, in fen; refunds that succeeded.';
comment on column orders.currency is 'Of all its amounts; WeChat Pay knows no other.';
comment on column orders.description is 'What the payer reads in WeChat: characters of up to three bytes.';
comment on column orders.expires_at is 'An unpaid order is closed from then on.';
comment on column orders.paid_at is 'When the money landed, by WeChat''s clock.';
comment on column orders.closed_at is 'When it was given up unpaid.';
comment on column orders.shipped_at is 'When the goods were sent.';
comment on column orders.synced_at is 'When WeChat was last asked about this order on a page''s behalf.';

create table order_items (
    order_id uuid not null constraint order_items_order_id_fkey references orders (id),
    position integer not null constraint order_items_position_check check (position between 0 and 49),
    product_id text not null,
    title text not null,
    unit_price_fen bigint not null constraint order_items_unit_price_fen_check check (unit_price_fen between 1 and 10000000000),
    quantity integer not null constraint order_items_quantity_check check (quantity between 1 and 9999),
    is_stocked boolean not null,
    constraint order_items_pkey primary key (order_id, position)
);

comment on table order_items is 'The lines of an order, with title and price of the moment it was made.';
comment on column order_items.position is 'From 0, in the order in which the buyer named them.';
comment on column order_items.unit_price_fen is 'Price of one then, in fen.';
comment on column order_items.is_stocked is 'Whether the line took stock, which goes back when the order closes.';

create table idempotency_keys (
    user_id uuid not null constraint idempotency_keys_user_id_fkey references users (id),
    key text not null constraint idempotency_keys_key_check check (length(key) between 1 and 64),
    request_hash bytea not null,
    order_id uuid not null,
    created_at timestamptz not null,
    constraint idempotency_keys_pkey primary key (user_id, key)
);

create index idempotency_keys_created_at_idx on idempotency_keys (created_at);

comment on table idempotency_keys is 'One row for each Idempotency-Key with which a user made an order; written in the order''s own transaction.';
comment on column idempotency_keys.key is 'Chosen by the page, its own for each user.';
comment on column idempotency_keys.request_hash is 'SHA-256 of the request: the same key with another body is refused.';
