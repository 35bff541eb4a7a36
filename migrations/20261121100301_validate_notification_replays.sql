-- A constraint is validated apart from the transaction that adds it, which keeps the lock short.

alter table notifications validate constraint notifications_replayed_by_check;
