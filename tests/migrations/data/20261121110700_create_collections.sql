insert into collections (name, permission, apps, schema, next_number, created_at, updated_at, removed_at)
values
    ('people', 'all_read_owner_write', '{wx1}', null, 3, '2026-01-01T00:00:00Z', '2026-01-01T00:00:00Z', null),
    ('notes', 'owner_only', null, '{"type": "object"}', 1, '2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z', '2026-01-02T00:00:00Z');

insert into collection_indexes (collection_id, number, is_unique, fields, state)
values (1, 1, true, '{name,phone}', 'ready'), (1, 2, false, '{$owner,address.city}', 'ready');

select create_document_partition(1);

insert into documents (collection_id, id, owner_id, version, created_at, updated_at, data)
values
    (1, '00000000-0000-7000-8000-000000000101', '00000000-0000-7000-8000-000000000001', 1, '2026-01-01T00:00:00Z',
        '2026-01-01T00:00:00Z', '{"name": "Li Lei", "phone": "13900139000", "address": {"city": "Chengdu"}}'),
    (1, '00000000-0000-7000-8000-000000000102', null, 2, '2026-01-01T00:00:00Z', '2026-01-02T00:00:00Z', '{"name": "Han Meimei"}');

insert into document_requests (collection_id, owner_id, key, request_hash, document_ids, created_at)
values (1, '00000000-0000-7000-8000-000000000001', 'key-1', '\x01', '{00000000-0000-7000-8000-000000000101}', '2026-01-01T00:00:00Z');
