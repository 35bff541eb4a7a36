insert into files (id, user_id, extension, bytes, sha256, width, height, shard, state, created_at, stored_at, check_at)
values
    ('00000000-0000-7000-8000-0000000000a0', null, 'jpg', 67, sha256('a0'), 430, 430, 160, 'stored', '2026-01-01T00:00:00Z',
        '2026-01-01T00:00:01Z', null),
    ('00000000-0000-7000-8000-0000000000a1', null, 'png', 67, sha256('a1'), 280, 280, 161, 'storing', '2026-01-01T00:00:00Z',
        null, '2026-01-01T00:10:00Z');
