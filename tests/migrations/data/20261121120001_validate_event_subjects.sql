insert into event_deliveries (event_id, push_message_id, sequence, state, attempts, due_at)
values
    ('00000000-0000-7000-8000-000000000302', '00000000-0000-7000-8000-000000000302', 5, 'parked', 11, '2026-11-21T12:00:00Z');
