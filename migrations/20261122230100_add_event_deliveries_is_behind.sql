-- Events that wait for an earlier one of their order are marked, so that whoever looks for what can be sent does not walk
-- over them: behind an event that nobody takes they are due all the time.

alter table event_deliveries add column is_behind boolean not null default false;

comment on column event_deliveries.is_behind is 'Whether an earlier event of its order is still pending or parked, kept by a trigger. One that is marked waits for one; one that waits may be unmarked, when the earlier one is sent again.';

-- Where an event comes to be told, or is not to be told any more, marks follow: one at a time for an order, by the lock on
-- its row, so that whoever comes second sees what the first one did. Who writes an event holds that lock already. Marks are
-- looked for once it is there, by a snapshot of their own.
create function mark_event_deliveries() returns trigger language plpgsql as $$
begin
    perform from orders where id = new.order_id for no key update;
    if new.state in ('pending', 'parked') then
        update event_deliveries set is_behind = true
        where event_id = new.event_id and exists (select from event_deliveries earlier
            where earlier.order_id = new.order_id and earlier.sequence < new.sequence and earlier.state in ('pending', 'parked'));
    else
        -- It alone may have lost the last one before it: all others of the order are behind it.
        update event_deliveries set is_behind = false
        where is_behind and event_id in (new.event_id, (select next.event_id from event_deliveries next
            where next.order_id = new.order_id and next.state in ('pending', 'parked') order by next.sequence limit 1));
    end if;
    return null;
end
$$;

create trigger event_deliveries_mark_new after insert on event_deliveries
    for each row when (new.order_id is not null) execute function mark_event_deliveries();
create trigger event_deliveries_mark_moved after update of state on event_deliveries
    for each row when (new.order_id is not null and (old.state in ('pending', 'parked')) <> (new.state in ('pending', 'parked')))
    execute function mark_event_deliveries();
