insert into push_messages (id, app_id, kind, identity, message, received_at)
values
    ('00000000-0000-7000-8000-000000000301', 'wx1111111111111111', 'push.event.debug_demo', decode(repeat('01', 32), 'hex'), '\x01',
        '2026-11-21T12:00:00Z'),
    ('00000000-0000-7000-8000-000000000302', 'wx1111111111111111', 'push.message.text', decode(repeat('02', 32), 'hex'), '\x02',
        '2026-11-21T12:00:01Z');

insert into event_deliveries (event_id, push_message_id, sequence, state, attempts, due_at)
values
    ('00000000-0000-7000-8000-000000000301', '00000000-0000-7000-8000-000000000301', 4, 'pending', 0, '2026-11-21T12:00:00Z');
