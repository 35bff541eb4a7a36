insert into events (id, kind, order_id, from_status, to_status, cause, occurred_at)
values
    ('00000000-0000-7000-8000-000000000064', 'order.shipped', '00000000-0000-7000-8000-000000000022', 'paid', 'paid',
        'operator', '2026-01-03T00:02:00Z');
