-- Orders of which money went back, the newest last: what the operator looks for by their status. They are few among all that
-- were paid, so that without it the whole table is read to find a page of them. Making it reads the table once, and orders
-- are not written meanwhile. It is not made concurrently: that waits for everybody who waits for his turn to migrate, and they
-- wait for it.

create index orders_refunded_idx on orders (status, id) where status in ('partially_refunded', 'refunded');
