insert into reconciliations (id, bill_date, status, attempts, next_try_at, lease_token, lease_until, failure_code, payment_count,
    payment_fen, refund_count, refund_fen, movement_count, foreign_count, foreign_fen, difference_count, created_at, updated_at,
    finished_at)
values
    ('00000000-0000-7000-8000-000000000401', '2026-01-01', 'differing', 1, null, null, null, null, 2, 200, 0, 0, 3, 0, 0, 1,
        '2026-01-02T02:00:00Z', '2026-01-02T02:01:00Z', '2026-01-02T02:01:00Z'),
    ('00000000-0000-7000-8000-000000000402', '2026-01-02', 'running', 1, '2026-01-03T02:00:00Z', '00000000-0000-7000-8000-000000000409',
        '2026-01-03T02:02:00Z', null, 0, 0, 0, 0, 0, 0, 0, 0, '2026-01-03T02:00:00Z', '2026-01-03T02:00:00Z', null);

insert into reconciliation_differences (id, reconciliation_id, kind, subject, out_trade_no, transaction_id, out_refund_no, order_id,
    ours, theirs, exception_id)
values
    ('00000000-0000-7000-8000-000000000403', '00000000-0000-7000-8000-000000000401', 'missing_there', '4200000002', 'ABCDEF2',
        '4200000002', null, null, '{"amount_fen": 100}', null, '00000000-0000-7000-8000-000000000051');

insert into bill_rows (lease_token, line, is_refund, moved_at, app_id, transaction_id, out_trade_no, trade_state, currency, amount_fen, settled_fen,
    fee_thousandths, refund_id, out_refund_no)
values
    ('00000000-0000-7000-8000-000000000409', 2, false, '2026-01-01T16:00:00Z', 'wx1', '4200000002', 'ABCDEF2', 'SUCCESS', 'CNY', 100, 100,
        600, null, null);

insert into bill_movements (lease_token, line, number, net_fen)
values ('00000000-0000-7000-8000-000000000409', 2, '4200000002', 100);
