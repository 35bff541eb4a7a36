-- When WeChat is asked about an attempt next, and when an order past its time is closed.

alter table payment_attempts add column next_check_at timestamptz;
alter table payment_attempts add column checks integer not null default 0;

-- What the version before inserts says nothing, and is due: a constant, since no default reads the clock.
alter table payment_attempts alter column next_check_at set default '2000-01-01 00:00:00+00';
update payment_attempts set next_check_at = created_at where state in ('created', 'unknown', 'prepaid');

create index payment_attempts_due_idx on payment_attempts (next_check_at)
    where next_check_at is not null and state not in ('settled', 'surplus');

comment on column payment_attempts.next_check_at is 'When WeChat is asked about it next; null: its answer is final.';
comment on column payment_attempts.checks is 'How often WeChat was asked since the last news, which is how long the next wait is.';
comment on column payment_attempts.lease_token is 'Who is asking WeChat about it now: two taps at once make one call, and two replicas.';

alter table orders add column next_close_at timestamptz;
alter table orders add column close_tries integer not null default 0;

create index orders_close_due_idx on orders ((coalesce(next_close_at, expires_at))) where status = 'awaiting_payment';
drop index orders_expires_at_idx;

comment on column orders.next_close_at is 'When closing it is tried again; null: it was not tried yet.';
comment on column orders.close_tries is 'How often it was tried to close it because its time was over.';
