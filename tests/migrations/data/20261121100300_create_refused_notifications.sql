insert into notifications (id, notify_id, received_at, wechat_timestamp, wechat_nonce, wechat_serial, wechat_signature, body, verdict,
    order_id, attempt_id, event_id, replay_of, replayed_by)
values
    ('00000000-0000-7000-8000-000000000044', 'EV-3', '2026-01-01T00:02:00Z', '1767225720', 'n', 's', 'x', '\x7b7d', 'settled',
        '00000000-0000-7000-8000-000000000022', '00000000-0000-7000-8000-000000000032', '00000000-0000-7000-8000-000000000061',
        '00000000-0000-7000-8000-000000000046', 'command line');

insert into refused_notifications (id, received_at, verdict, detail, clock_ahead_s, headers, body, body_bytes)
values
    ('00000000-0000-7000-8000-000000000046', '2026-01-01T00:01:30Z', 'decrypt_failed', 'does not open', 1,
        '[["wechatpay-serial", "s"]]', '\x7b7d', 2),
    ('00000000-0000-7000-8000-000000000047', '2026-01-01T00:01:31Z', 'body_unreadable', 'broke off', null, '[]', '', null);
