insert into refunds (id, order_id, transaction_id, out_refund_no, amount_fen, reason, cause, is_restocking, notify_url, request_key,
    request_hash, status, refund_id, submit_at, tried_at, next_check_at, checks, failure_code, created_at, updated_at, succeeded_at)
values
    ('00000000-0000-7000-8000-000000000071', '00000000-0000-7000-8000-000000000022', '4200000001', 'R0000001', 1000, 'too cold',
        'operator', true, 'https://shop.example/wechat/pay/refund-notify', 'key-1', '\x01', 'created', null, '2026-01-03T00:00:00Z',
        null, '2026-01-03T00:00:00Z', 0, null, '2026-01-03T00:00:00Z', '2026-01-03T00:00:00Z', null),
    ('00000000-0000-7000-8000-000000000072', '00000000-0000-7000-8000-000000000022', '4200000002', 'R0000002', 13600, null,
        'surplus', false, 'https://shop.example/wechat/pay/refund-notify', null, null, 'created', null, '2026-01-01T00:01:02Z',
        '2026-01-01T00:01:03Z', '2026-01-01T00:01:08Z', 1, 'NOT_ENOUGH', '2026-01-01T00:01:02Z', '2026-01-01T00:01:03Z', null);

update refunds set status = 'succeeded', refund_id = '5000000002', next_check_at = null, failure_code = null,
    succeeded_at = '2026-01-01T01:00:00Z'
where out_refund_no = 'R0000002';

insert into refund_entries (refund_id, id, order_id, transaction_id, out_refund_no, amount_fen, currency, source, success_at, recorded_at)
values
    ('5000000002', '00000000-0000-7000-8000-000000000072', '00000000-0000-7000-8000-000000000022', '4200000002', 'R0000002', 13600,
        'CNY', 'notification', '2026-01-01T01:00:00Z', '2026-01-01T01:00:01Z');
