insert into midnight_balances (transaction_id, bill_date, due_thousandths, moved_fen)
values ('4200000000000000000000000001', '2026-01-02', 9940000, null), ('4200000000000000000000000001', '2026-01-03', null, 9940);
