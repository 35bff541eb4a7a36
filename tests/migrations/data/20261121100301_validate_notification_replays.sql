insert into notifications (id, notify_id, received_at, wechat_timestamp, wechat_nonce, wechat_serial, wechat_signature, body, verdict)
values
    ('00000000-0000-7000-8000-000000000045', 'EV-4', '2026-01-01T00:02:01Z', '1767225721', 'n', 's', 'x', '\x7b7d', 'other');
