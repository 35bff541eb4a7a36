insert into data_keys (name, headed_at)
values
    ('00c0ffee', '2026-01-01T00:00:00Z'),
    ('deadbeef', '2026-01-02T00:00:00Z');
