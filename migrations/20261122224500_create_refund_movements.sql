-- WeChat takes the money of a refund when it is asked for and pays it out days later, and only the trade bill of that later
-- day says how much it should be. What each day's bills say of such a refund is kept, so that it is judged by all of them.

create table refund_movements (
    out_refund_no text not null,
    bill_date date not null,
    due_thousandths bigint,
    moved_fen bigint,
    constraint refund_movements_pkey primary key (out_refund_no, bill_date),
    constraint refund_movements_said_check check (due_thousandths is not null or moved_fen is not null)
);

create index refund_movements_bill_date_idx on refund_movements (bill_date);

comment on table refund_movements is 'What the bills of a day say of a refund that was asked for on an earlier day, or that they do not balance by themselves. Kept for as long as a day may be compared.';
comment on column refund_movements.out_refund_no is 'The merchant''s number of the refund.';
comment on column refund_movements.bill_date is 'The day of the bills, in China.';
comment on column refund_movements.due_thousandths is 'What the trade bill wants the account to move by, in thousandths of a fen, below zero: what is refunded, with the fee that comes back; null: it does not list the refund as paid out.';
comment on column refund_movements.moved_fen is 'What the fund-flow bill says that it moved by, in fen; null: not at all.';

-- A constant default: the table is not rewritten.
alter table reconciliations add column has_refund_movements boolean not null default false;

comment on column reconciliations.has_refund_movements is 'Whether what the bills of the day say of refunds that take days is in refund_movements.';
