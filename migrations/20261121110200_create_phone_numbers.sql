-- Phone numbers of users, and the codes of the phone-number button that WeChat was asked about.

create table phone_numbers (
    user_id uuid not null constraint phone_numbers_pkey primary key
        constraint phone_numbers_user_id_fkey references users (id),
    phone_number bytea not null,
    phone_number_hash bytea not null
        constraint phone_numbers_phone_number_hash_check check (length(phone_number_hash) = 32),
    given_at timestamptz not null
);

create index phone_numbers_phone_number_hash_idx on phone_numbers (phone_number_hash, user_id);
-- By the data key that a value is sealed under, its second to fifth byte.
create index phone_numbers_phone_number_name_idx on phone_numbers ((substring(phone_number from 2 for 4)), user_id);

comment on table phone_numbers is 'The phone number that a user gave last, in a table of its own: users are read all the time, numbers seldom.';
comment on column phone_numbers.phone_number is 'The number in WeChat''s three parts, encrypted under DATA_KEYS with this row''s user_id as associated data.';
comment on column phone_numbers.phone_number_hash is 'Keyed hash of the number with its country code: finds a user by the whole number, and tells nothing without the key.';
comment on column phone_numbers.given_at is 'When the user gave it.';

create table phone_codes (
    code_hash bytea not null constraint phone_codes_pkey primary key
        constraint phone_codes_code_hash_check check (length(code_hash) = 32),
    user_id uuid not null constraint phone_codes_user_id_fkey references users (id),
    state text not null constraint phone_codes_state_check check (state in ('asked', 'kept', 'refused', 'unknown')),
    asked_at timestamptz not null
);

create index phone_codes_user_id_idx on phone_codes (user_id);
create index phone_codes_asked_at_idx on phone_codes (asked_at);

comment on table phone_codes is 'Codes of the phone-number button that were sent to WeChat, for an hour: a code that may be used is never sent again.';
comment on column phone_codes.code_hash is 'SHA-256 of the mini program and the code.';
comment on column phone_codes.state is 'asked: on its way, or nobody knows; kept: it gave the user''s number; refused: WeChat does not take it; unknown: no answer, it may be used.';
comment on column phone_codes.asked_at is 'When it was sent.';
