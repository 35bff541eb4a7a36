insert into notifications (id, notify_id, received_at, wechat_timestamp, wechat_nonce, wechat_serial, wechat_signature, body, verdict,
    order_id, attempt_id)
values
    ('00000000-0000-7000-8000-000000000041', 'EV-1', '2026-01-01T00:01:01Z', '1767225661', 'n', 's', 'x', '\x7b7d', 'settled',
        '00000000-0000-7000-8000-000000000022', '00000000-0000-7000-8000-000000000032'),
    ('00000000-0000-7000-8000-000000000042', 'EV-1', '2026-01-01T00:01:02Z', '1767225662', 'n', 's', 'x', '\x7b7d', 'duplicate',
        '00000000-0000-7000-8000-000000000022', null),
    ('00000000-0000-7000-8000-000000000043', 'EV-2', '2026-01-01T00:01:03Z', '1767225663', 'n', 's', 'x', '\x7b7d', 'unknown_order',
        null, null);

insert into exceptions (id, kind, subject, order_id, detail, evidence, created_at, resolved_at, resolution)
values
    ('00000000-0000-7000-8000-000000000051', 'double_payment', '4200000002', '00000000-0000-7000-8000-000000000022', 'paid twice',
        '{"ours": 1}', '2026-01-01T00:01:00Z', null, null),
    ('00000000-0000-7000-8000-000000000052', 'unknown_order', '4200000003', null, 'nobody knows it',
        '{}', '2026-01-01T00:01:00Z', '2026-01-02T00:00:00Z', 'a test of the bank');

insert into events (id, kind, order_id, from_status, to_status, cause, occurred_at)
values
    ('00000000-0000-7000-8000-000000000061', 'order.paid', '00000000-0000-7000-8000-000000000022', 'awaiting_payment', 'paid',
        'notification', '2026-01-01T00:01:00Z'),
    ('00000000-0000-7000-8000-000000000062', 'order.closed', '00000000-0000-7000-8000-000000000023', 'awaiting_payment', 'closed',
        'close', '2026-01-01T00:30:00Z');
