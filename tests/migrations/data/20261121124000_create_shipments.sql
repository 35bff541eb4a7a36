insert into shipments (id, order_id, position, generation, transaction_id, kind, parcels, is_split, is_complete, is_again, cause,
    request_key, request_hash, status, upload_at, may_have_arrived, next_try_at, tries, failure_code, created_at, updated_at, ended_at)
values
    ('00000000-0000-7000-8000-000000000081', '00000000-0000-7000-8000-000000000022', 1, 1, '4200000001', 'express',
        '[{"tracking_no": "A1", "carrier": "STO", "description": "tea"}]', true, false, false, 'operator', 'key-1', '\x01', 'uploaded',
        '2026-01-02T00:00:00Z', false, null, 1, null, '2026-01-02T00:00:00Z', '2026-01-02T00:00:01Z', '2026-01-02T00:00:01Z'),
    ('00000000-0000-7000-8000-000000000082', '00000000-0000-7000-8000-000000000022', 2, 2, '4200000001', 'virtual',
        '[{"description": "tea"}]', false, true, true, 'operator', null, '\x02', 'created', '2026-01-02T00:01:00Z', true,
        '2026-01-02T00:01:10Z', 1, 'timeout', '2026-01-02T00:01:00Z', '2026-01-02T00:01:01Z', null);

insert into shipping_managements (app_id, is_managed, asked_at, next_ask_at, controlled_at, access_reminded_at)
values
    ('wx1', true, '2026-01-02T00:00:00Z', '2026-01-03T00:00:00Z', null, null),
    ('wx2', null, null, '2026-01-03T00:00:00Z', '2026-01-02T00:00:00Z', '2026-01-02T00:00:00Z');

insert into trade_notices (transaction_id, kind, order_id, happened_at, figures, recorded_at)
values
    ('4200000001', 'reminded', '00000000-0000-7000-8000-000000000022', '2026-01-03T00:00:00Z', '{}', '2026-01-03T00:00:01Z');
