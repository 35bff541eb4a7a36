insert into sessions (id, user_id, created_at, expires_at, revoked_at)
values
    ('00000000-0000-7000-8000-000000000014', '00000000-0000-7000-8000-000000000002', '2026-01-01T00:00:00Z', '2026-01-08T00:00:00Z', null);
