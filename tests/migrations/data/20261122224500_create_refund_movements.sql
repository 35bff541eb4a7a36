insert into refund_movements (out_refund_no, bill_date, due_thousandths, moved_fen)
values ('RF000000000000000000000000000001', '2026-01-02', null, -2500), ('RF000000000000000000000000000001', '2026-01-04', -2500000, null);
