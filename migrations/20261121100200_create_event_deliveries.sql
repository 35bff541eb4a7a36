-- Where each event stands on its way to EVENTS_WEBHOOK_URL.

create table event_deliveries (
    event_id uuid not null constraint event_deliveries_pkey primary key
        constraint event_deliveries_event_id_fkey references events (id),
    order_id uuid not null,
    sequence bigint not null,
    state text not null constraint event_deliveries_state_check
        check (state in ('pending', 'delivered', 'parked', 'given_up')),
    attempts integer not null constraint event_deliveries_attempts_check check (attempts >= 0),
    due_at timestamptz not null,
    lease_token uuid,
    lease_until timestamptz,
    last_attempt_at timestamptz,
    last_outcome text constraint event_deliveries_last_outcome_check check (length(last_outcome) between 1 and 40),
    delivered_at timestamptz,
    constraint event_deliveries_lease_check check ((lease_token is null) = (lease_until is null)),
    constraint event_deliveries_last_attempt_check check ((last_attempt_at is null) = (last_outcome is null)),
    constraint event_deliveries_delivered_at_check check ((delivered_at is not null) or state <> 'delivered')
);

create index event_deliveries_due_idx on event_deliveries (due_at) where state = 'pending';
create index event_deliveries_waiting_idx on event_deliveries (order_id, sequence) where state in ('pending', 'parked');

comment on table event_deliveries is 'One row for each event that is told on, written in the event''s own transaction. An event without a row was written while no EVENTS_WEBHOOK_URL was set.';
comment on column event_deliveries.event_id is 'The event; its receiver knows it as webhook-id.';
comment on column event_deliveries.order_id is 'The event''s order: a later event of an order waits for the earlier ones.';
comment on column event_deliveries.sequence is 'The event''s place in the order in which events were written.';
comment on column event_deliveries.state is 'pending: it is tried when it is due; delivered: the receiver took it; parked: tried in vain for three days, waits for a human; given_up: a human decided not to send it.';
comment on column event_deliveries.attempts is 'How often it was tried in vain or taken since it became pending.';
comment on column event_deliveries.due_at is 'When it is tried next, while it is pending.';
comment on column event_deliveries.lease_token is 'Who is sending it now.';
comment on column event_deliveries.lease_until is 'From then on somebody else may send it.';
comment on column event_deliveries.last_attempt_at is 'When the last try ended.';
comment on column event_deliveries.last_outcome is 'How the last try ended: an HTTP status, or what became of the connection.';
comment on column event_deliveries.delivered_at is 'When the receiver took it, the last time.';
