-- What the version before inserts, which says nothing, and what this one does.
insert into payment_attempts (id, order_id, out_trade_no, app_id, mch_id, total_fen, currency, state, request_payment, prepaid_at,
    lease_token, lease_until, failure_code, transaction_id, created_at, updated_at)
values
    ('00000000-0000-7000-8000-000000000035', '00000000-0000-7000-8000-000000000023', 'A0000005', 'wx2', '1900000001', 6800, 'CNY',
        'closed', null, null, null, null, null, null, '2026-01-01T00:00:11Z', '2026-01-01T00:00:12Z');
insert into payment_attempts (id, order_id, out_trade_no, app_id, mch_id, total_fen, currency, state, request_payment, prepaid_at,
    lease_token, lease_until, failure_code, transaction_id, next_check_at, checks, created_at, updated_at)
values
    ('00000000-0000-7000-8000-000000000036', '00000000-0000-7000-8000-000000000023', 'A0000006', 'wx2', '1900000001', 6800, 'CNY',
        'closed', '{}', '2026-01-01T00:00:14Z', null, null, null, null, '2026-01-01T00:06:00Z', 1, '2026-01-01T00:00:13Z',
        '2026-01-01T00:01:00Z');
