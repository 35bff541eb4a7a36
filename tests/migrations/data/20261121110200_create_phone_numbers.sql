insert into phone_numbers (user_id, phone_number, phone_number_hash, given_at)
values
    ('00000000-0000-7000-8000-000000000001', '\x01', decode(repeat('ab', 32), 'hex'), '2026-01-02T00:00:00Z');

insert into phone_codes (code_hash, user_id, state, asked_at)
values
    (decode(repeat('01', 32), 'hex'), '00000000-0000-7000-8000-000000000001', 'kept', '2026-01-02T00:00:00Z'),
    (decode(repeat('02', 32), 'hex'), '00000000-0000-7000-8000-000000000001', 'asked', '2026-01-02T00:00:00Z'),
    (decode(repeat('03', 32), 'hex'), '00000000-0000-7000-8000-000000000002', 'refused', '2026-01-02T00:00:00Z'),
    (decode(repeat('04', 32), 'hex'), '00000000-0000-7000-8000-000000000002', 'unknown', '2026-01-02T00:00:00Z');
