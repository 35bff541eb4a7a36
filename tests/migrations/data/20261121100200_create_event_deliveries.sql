insert into event_deliveries (event_id, order_id, sequence, state, attempts, due_at, lease_token, lease_until, last_attempt_at,
    last_outcome, delivered_at)
values
    ('00000000-0000-7000-8000-000000000061', '00000000-0000-7000-8000-000000000022', 1, 'delivered', 2, '2026-01-01T00:01:06Z',
        null, null, '2026-01-01T00:01:06Z', '204', '2026-01-01T00:01:06Z'),
    ('00000000-0000-7000-8000-000000000062', '00000000-0000-7000-8000-000000000023', 2, 'pending', 1, '2026-01-01T00:30:05Z',
        '00000000-0000-7000-8000-000000000071', '2026-01-01T00:31:00Z', '2026-01-01T00:30:00Z', 'timeout', null);
