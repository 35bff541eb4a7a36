-- The catalogue.

create table products (
    id text not null constraint products_pkey primary key
        constraint products_id_check check (id ~ '^[A-Za-z0-9_.-]{1,64}$'),
    title text not null constraint products_title_check check (length(title) between 1 and 120),
    price_fen bigint not null constraint products_price_fen_check check (price_fen between 1 and 10000000000),
    stock integer constraint products_stock_check check (stock >= 0),
    image_url text,
    is_listed boolean not null,
    created_at timestamptz not null,
    updated_at timestamptz not null
);

create index products_created_at_id_idx on products (created_at, id) where is_listed;

comment on table products is 'What is sold. The price here is the price; what a page says does not count.';
comment on column products.price_fen is 'Price of one, in fen.';
comment on column products.stock is 'How many are left; null: without limit.';
comment on column products.image_url is 'Where its picture is, for the phone.';
comment on column products.is_listed is 'Whether it is shown and can be bought.';
