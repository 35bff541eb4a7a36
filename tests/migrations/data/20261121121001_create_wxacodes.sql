insert into wxacodes (app_id, request_hash, file_id, lease_token, lease_until, used_at)
values
    ('wx1111111111111111', sha256('kept'), '00000000-0000-7000-8000-0000000000a0', null, null, '2026-01-01T00:00:00Z'),
    ('wx1111111111111111', sha256('asked for'), null, '00000000-0000-4000-8000-000000000001', '2026-01-01T00:01:00Z', '2026-01-01T00:00:00Z'),
    ('wx1111111111111111', sha256('lost'), null, null, null, '2026-01-01T00:00:00Z');
insert into wxacode_allowances (user_id, since, used)
select id, '2026-01-01T00:00:00Z', 3 from users order by id limit 1;
