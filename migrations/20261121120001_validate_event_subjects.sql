-- What was written before is of orders; no row is locked for looking.

alter table event_deliveries validate constraint event_deliveries_push_message_id_fkey;
alter table event_deliveries validate constraint event_deliveries_subject_check;
