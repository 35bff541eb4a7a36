-- A payment near midnight may stand in one day's trade bill and move the account in the fund-flow bill of the day beside
-- it. What each day's bills say of it is kept, so that whichever day is compared later sees both.

create table midnight_balances (
    transaction_id text not null,
    bill_date date not null,
    due_thousandths bigint,
    moved_fen bigint,
    constraint midnight_balances_pkey primary key (transaction_id, bill_date),
    constraint midnight_balances_said_check check (due_thousandths is not null or moved_fen is not null)
);

create index midnight_balances_bill_date_idx on midnight_balances (bill_date);

comment on table midnight_balances is 'What the bills of a day say of a payment within ten minutes of midnight in China. Kept for as long as its neighbours may be compared.';
comment on column midnight_balances.transaction_id is 'WeChat''s number of the payment.';
comment on column midnight_balances.bill_date is 'The day of the bills, in China.';
comment on column midnight_balances.due_thousandths is 'What the trade bill wants the account to move by, in thousandths of a fen: what is settled less the fee; null: it does not list the payment.';
comment on column midnight_balances.moved_fen is 'What the fund-flow bill says that it moved by, in fen; null: not at all.';

-- A constant default: the table is not rewritten.
alter table reconciliations add column has_midnights boolean not null default false;

comment on column reconciliations.has_midnights is 'Whether what the bills of the day say of payments near its two midnights is in midnight_balances.';
