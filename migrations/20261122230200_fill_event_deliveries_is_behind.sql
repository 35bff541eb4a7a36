-- The marks of events that wait already, and the index of those that can be sent. Nobody writes where events stand
-- meanwhile, so that none is marked whose last one before it is just leaving. Parked ones stay unmarked: they are not looked
-- for. The index of all that are due stays for the version before.

lock table event_deliveries in share row exclusive mode;

update event_deliveries d set is_behind = true
where d.state = 'pending' and d.order_id is not null and exists (select from event_deliveries earlier
    where earlier.order_id = d.order_id and earlier.sequence < d.sequence and earlier.state in ('pending', 'parked'));

create index event_deliveries_order_ready_idx on event_deliveries (due_at, sequence)
    where state = 'pending' and order_id is not null and not is_behind;
