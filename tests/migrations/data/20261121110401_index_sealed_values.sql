insert into users (id, app_id, openid, session_key, session_key_hash, session_key_at, previous_session_key, created_at, updated_at)
values
    ('00000000-0000-7000-8000-000000000003', 'wx2', 'oCarol', '\x01deadbeef0102', '\x02', '2026-01-02T00:00:00Z',
        '\x0100c0ffee0304', '2026-01-02T00:00:00Z', '2026-01-02T00:00:00Z');
