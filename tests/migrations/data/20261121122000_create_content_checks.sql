insert into content_checks (id, app_id, kind, media_url, trace_id, decision, label, reason, created_at, due_at, decided_at)
values
    ('00000000-0000-7000-8000-000000000071', 'wx1111111111111111', 'image', 'https://shop.example/a.png', null, null, null, null,
        '2026-01-02T00:00:00Z', '2026-01-02T00:30:00Z', null),
    ('00000000-0000-7000-8000-000000000072', 'wx1111111111111111', 'audio', 'https://shop.example/a.mp3', '6-1', 'reject', 20002,
        'pornography', '2026-01-02T00:00:00Z', null, '2026-01-02T00:01:00Z'),
    ('00000000-0000-7000-8000-000000000073', 'wx1111111111111111', 'image', 'https://shop.example/b.png', '6-2', 'review', null,
        'timed_out', '2026-01-02T00:00:00Z', null, '2026-01-02T00:30:00Z');

insert into content_check_results (app_id, trace_id, decision, label, reason, noted_at)
values
    ('wx1111111111111111', '6-1', 'reject', 20002, 'pornography', '2026-01-02T00:00:01Z'),
    ('wx1111111111111111', '6-2', null, null, null, '2026-01-02T00:00:01Z');
