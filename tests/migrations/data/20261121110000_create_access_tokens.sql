insert into access_tokens (app_id, fence, lease_until, secret_hash, token, token_number, issuer, obtained_at, expires_at,
    refused_at, trusted_until, due_at, forced_at, forced_day, forced_count, failure_count, failure, failure_errcode,
    failure_address, failed_since, rest_until)
values
    ('wx1111111111111111', 3, null, '\x01', '\x02', 3, 'stable_token', '2026-11-21T11:00:00Z', '2026-11-21T13:00:00Z',
        null, null, '2026-11-21T12:50:00Z', '2026-11-21T10:59:00Z', '2026-11-21', 1, 0, null, null, null, null, null),
    ('wx2222222222222222', 1, '2026-11-21T11:00:10Z', '\x01', null, null, null, null, null,
        null, null, '2026-11-21T11:00:00Z', null, null, 0, 2, 'refused', 40164, '203.0.113.9', '2026-11-21T11:00:00Z',
        '2026-11-21T11:05:00Z');

insert into access_token_refreshes (id, app_id, fence, ended_at, process, reason, outcome, is_forced, errcode, failure, lost_s)
values
    ('0193bbbb-0000-7000-8000-000000000001', 'wx1111111111111111', 3, '2026-11-21T11:00:00Z', '0a1b2c3d', 'refused', 'new', false, null, null, 3600);
