insert into events (id, kind, order_id, from_status, to_status, cause, occurred_at)
values
    ('00000000-0000-7000-8000-000000000063', 'order.refunded', '00000000-0000-7000-8000-000000000022', 'paid', 'refunded',
        'query', '2026-01-03T00:01:00Z');
