insert into subscribe_messages (id, app_id, openid, template_id, event_id, dedup_key, body_hash, state, attempts, due_at,
    lease_token, lease_until, unknown_at, errcode, msgid, told_at, told_errcode, created_at, updated_at)
values
    ('00000000-0000-7000-8000-000000000901', 'wx1', 'oAlice', 'tpl1', null, 'key-1', decode(repeat('ab', 32), 'hex'), 'sent', 1, null,
        '00000000-0000-7000-8000-000000000999', null, null, null, '2117', '2026-01-02T00:00:01Z', 0, '2026-01-02T00:00:00Z', '2026-01-02T00:00:01Z'),
    ('00000000-0000-7000-8000-000000000902', 'wx1', 'oAlice', 'tpl1', null, null, null, 'sending', 1, null,
        '00000000-0000-7000-8000-000000000999', '2026-01-02T00:01:00Z', null, null, null, null, null, '2026-01-02T00:00:00Z', '2026-01-02T00:00:00Z'),
    ('00000000-0000-7000-8000-000000000903', 'wx1', 'oAlice', 'tpl2', null, null, null, 'unknown', 1, null,
        '00000000-0000-7000-8000-000000000999', null, '2026-01-02T00:00:00Z', null, null, null, null, '2026-01-02T00:00:00Z', '2026-01-02T00:00:00Z'),
    ('00000000-0000-7000-8000-000000000904', 'wx2', 'oBob', 'tpl2', null, null, null, 'refused', 1, null,
        '00000000-0000-7000-8000-000000000999', null, null, 43101, null, null, null, '2026-01-02T00:00:00Z', '2026-01-02T00:00:00Z');

insert into subscribe_messages (id, app_id, openid, template_id, event_id, state, attempts, due_at, created_at, updated_at)
select '00000000-0000-7000-8000-000000000905', 'wx1', 'oAlice', 'tpl1', id, 'pending', 0, '2026-01-02T00:00:00Z',
    '2026-01-02T00:00:00Z', '2026-01-02T00:00:00Z' from events order by sequence limit 1;

insert into subscribe_grants (app_id, openid, template_id, answer, told_by_page, told_by_push, used, updated_at)
values
    ('wx1', 'oAlice', 'tpl1', 'accept', 3, 2, 1, '2026-01-02T00:00:00Z'),
    ('wx2', 'oBob', 'tpl2', 'reject', 0, 0, 0, '2026-01-02T00:00:00Z');
