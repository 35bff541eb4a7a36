-- By the key a value is sealed under, its second to fifth byte: what lies under an older key is found without reading the
-- table, and in the order in which it is sealed again.

create index users_session_key_name_idx on users ((substring(session_key from 2 for 4)), id);
create index users_previous_session_key_name_idx on users ((substring(previous_session_key from 2 for 4)), id)
    where previous_session_key is not null;
