insert into sessions (id, user_id, created_at, expires_at, revoked_at, open_data_failures)
values
    ('00000000-0000-7000-8000-000000000013', '00000000-0000-7000-8000-000000000001', '2026-01-01T00:00:00Z', '2026-01-08T00:00:00Z', null,
        '{2026-01-01T00:00:01Z,2026-01-01T00:00:02Z}');
