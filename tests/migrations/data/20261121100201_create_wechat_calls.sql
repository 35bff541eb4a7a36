insert into wechat_calls (order_id, number, api, outcome, calls, first_at, last_at, last_request_id)
values
    ('00000000-0000-7000-8000-000000000022', 'A0000002', 'prepay', 'ok', 1, '2026-01-01T00:00:10Z', '2026-01-01T00:00:10Z', '08F1-0'),
    ('00000000-0000-7000-8000-000000000022', 'A0000002', 'query', 'timeout', 3, '2026-01-01T00:00:15Z', '2026-01-01T00:00:45Z', null);
