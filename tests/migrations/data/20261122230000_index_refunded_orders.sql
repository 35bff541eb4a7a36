insert into orders (id, user_id, app_id, openid, status, total_fen, refunded_fen, currency, description, note,
    created_at, updated_at, expires_at, paid_at, closed_at, shipped_at)
values
    ('00000000-0000-7000-8000-000000000085', '00000000-0000-7000-8000-000000000001', 'wx1', 'oAlice', 'partially_refunded', 6800,
        800, 'CNY', '茶', null, '2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z', '2026-01-01T00:30:00Z', '2026-01-01T00:01:00Z',
        null, null);
