-- Paid orders whose goods were not sent: what the health page counts. A shop that sends nothing has all of its paid orders in
-- here; the page looks at those of the last weeks, and only where WeChat keeps the money back.

create index orders_unshipped_idx on orders (app_id, paid_at)
    where shipped_at is null and status in ('paid', 'partially_refunded');
