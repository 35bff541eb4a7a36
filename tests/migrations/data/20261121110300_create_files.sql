insert into files (id, user_id, extension, bytes, sha256, width, height, shard, state, created_at, stored_at, check_at, emptied_at,
    missing_at)
select ('00000000-0000-7000-8000-0000000000' || n)::uuid, (select id from users order by id limit 1), 'png', 67,
    sha256(n::bytea), 1, 1, 144 + n::int - 90, state, '2026-01-01T00:00:00Z', stored_at::timestamptz, check_at::timestamptz,
    emptied_at::timestamptz, missing_at::timestamptz
from (values
    ('90', 'storing', null, '2026-01-01T00:10:00Z', null, null),
    ('91', 'stored', '2026-01-01T00:00:01Z', null, null, null),
    ('92', 'stored', '2026-01-01T00:00:01Z', null, null, '2026-01-02T00:00:00Z'),
    ('93', 'removing', '2026-01-01T00:00:01Z', '2026-01-03T00:00:00Z', '2026-01-02T00:00:00Z', null))
    as rows (n, state, stored_at, check_at, emptied_at, missing_at);
