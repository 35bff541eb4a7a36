-- A constraint is validated apart from the transaction that adds it, which keeps the lock short.

alter table sessions validate constraint sessions_open_data_failures_check;
