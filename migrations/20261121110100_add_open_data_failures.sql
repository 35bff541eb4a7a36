-- Failures to open what a phone encrypted, counted per session.

alter table sessions add column open_data_failures timestamptz[] not null default '{}';
alter table sessions add constraint sessions_open_data_failures_check
    check (cardinality(open_data_failures) <= 10) not valid;

comment on column sessions.open_data_failures is 'When open data of this session did not open, oldest first: those of the last ten minutes as of the newest. The tenth ends the session.';
