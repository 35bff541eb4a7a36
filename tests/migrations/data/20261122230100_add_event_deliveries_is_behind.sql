insert into event_deliveries (event_id, order_id, sequence, state, attempts, due_at)
values
    ('00000000-0000-7000-8000-000000000063', '00000000-0000-7000-8000-000000000023', 6, 'pending', 0, '2026-01-01T00:31:00Z');
