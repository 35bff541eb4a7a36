insert into users (id, app_id, openid, unionid, nickname, avatar_url, session_key, session_key_hash, session_key_at,
    previous_session_key, previous_session_key_at, session_key_replaced_at, created_at, updated_at)
values
    ('00000000-0000-7000-8000-000000000001', 'wx1', 'oAlice', 'uAlice', '阿丽 🍵', 'https://wx.qlogo.cn/x', '\x01', '\x02',
        '2026-01-02T00:00:00Z', '\x03', '2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z', '2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z'),
    ('00000000-0000-7000-8000-000000000002', 'wx2', 'oBob', null, null, null, '\x01', '\x02',
        '2026-01-01T00:00:00Z', null, null, null, '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z');

insert into sessions (id, user_id, created_at, expires_at, revoked_at)
values
    ('00000000-0000-7000-8000-000000000011', '00000000-0000-7000-8000-000000000001', '2026-01-01T00:00:00Z', '2026-01-08T00:00:00Z', null),
    ('00000000-0000-7000-8000-000000000012', '00000000-0000-7000-8000-000000000002', '2026-01-01T00:00:00Z', '2026-01-08T00:00:00Z', '2026-01-02T00:00:00Z');
