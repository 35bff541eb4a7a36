-- Orders that await payment, by their user, the first to expire first: what is looked at before one more is placed. By
-- `orders_user_id_id_idx` all that a user ever bought would be read to find these. It holds open orders alone, so that it
-- stays small; making it reads the table once, and orders are not written meanwhile.

create index orders_user_id_expires_at_idx on orders (user_id, expires_at) where status = 'awaiting_payment';
