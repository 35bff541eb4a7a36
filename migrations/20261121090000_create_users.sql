-- Users and their sessions.

create table users (
    id uuid not null constraint users_pkey primary key,
    app_id text not null constraint users_app_id_check check (length(app_id) between 1 and 32),
    openid text not null constraint users_openid_check check (length(openid) between 1 and 128),
    unionid text constraint users_unionid_check check (length(unionid) between 1 and 128),
    nickname text,
    avatar_url text,
    session_key bytea not null,
    session_key_hash bytea not null,
    session_key_at timestamptz not null,
    previous_session_key bytea,
    previous_session_key_at timestamptz,
    session_key_replaced_at timestamptz,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    constraint users_app_id_openid_key unique (app_id, openid)
);

create index users_unionid_idx on users (unionid) where unionid is not null;

comment on table users is 'A person in one mini program. The same person in another mini program is another row.';
comment on column users.app_id is 'The mini program.';
comment on column users.openid is 'WeChat''s name of the person in that mini program.';
comment on column users.unionid is 'WeChat''s name of the person across apps; null until WeChat tells it.';
comment on column users.avatar_url is 'The picture the user chose, at WeChat or among our own files.';
comment on column users.session_key is 'The newest session key, encrypted under DATA_KEYS with this row''s app_id and openid as associated data.';
comment on column users.session_key_hash is 'Keyed hash of the newest session key: tells a new key from the same one without opening either.';
comment on column users.session_key_at is 'When WeChat gave the newest session key.';
comment on column users.previous_session_key is 'The session key before the newest, encrypted likewise; data encrypted just before a new login still opens with it.';
comment on column users.previous_session_key_at is 'When WeChat gave the previous session key.';
comment on column users.session_key_replaced_at is 'When the newest session key took the previous one''s place.';

create table sessions (
    id uuid not null constraint sessions_pkey primary key,
    user_id uuid not null constraint sessions_user_id_fkey references users (id),
    created_at timestamptz not null,
    expires_at timestamptz not null,
    revoked_at timestamptz,
    constraint sessions_expires_at_check check (expires_at > created_at)
);

create index sessions_user_id_idx on sessions (user_id) where revoked_at is null;
create index sessions_expires_at_idx on sessions (expires_at);

comment on table sessions is 'A login of a user on one phone. The token names this row; the row decides.';
comment on column sessions.expires_at is 'From then on the session is over; renewing moves it.';
comment on column sessions.revoked_at is 'When the session was ended before its time; null: it was not.';
