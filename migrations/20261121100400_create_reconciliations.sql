-- Comparing WeChat's bills with the books: the runs, what they found, and the bills while they are compared.

create table reconciliations (
    id uuid not null constraint reconciliations_pkey primary key,
    bill_date date not null,
    status text not null constraint reconciliations_status_check
        check (status in ('running', 'balanced', 'differing', 'failed')),
    attempts integer not null constraint reconciliations_attempts_check check (attempts >= 0),
    next_try_at timestamptz,
    lease_token uuid,
    lease_until timestamptz,
    failure_code text,
    payment_count bigint not null,
    payment_fen bigint not null,
    refund_count bigint not null,
    refund_fen bigint not null,
    movement_count bigint not null,
    foreign_count bigint not null,
    foreign_fen bigint not null,
    difference_count bigint not null,
    created_at timestamptz not null,
    updated_at timestamptz not null,
    finished_at timestamptz,
    constraint reconciliations_lease_check check ((lease_token is null) = (lease_until is null)),
    constraint reconciliations_finished_check check ((finished_at is null) = (next_try_at is not null)),
    constraint reconciliations_running_check check (status <> 'running' or next_try_at is not null),
    constraint reconciliations_result_check check (status not in ('balanced', 'differing') or next_try_at is null),
    constraint reconciliations_balanced_check check (status <> 'balanced' or difference_count = 0)
);

create unique index reconciliations_one_open_key on reconciliations (bill_date) where next_try_at is not null;
create index reconciliations_bill_date_idx on reconciliations (bill_date, id);
create index reconciliations_due_idx on reconciliations (next_try_at) where next_try_at is not null;

comment on table reconciliations is 'One comparison of a day''s bills with the books. At most one of a day is not finished.';
comment on column reconciliations.bill_date is 'The day in China (UTC+8).';
comment on column reconciliations.status is 'Running: being made, or waiting for WeChat to write the bill. Failed: the last try failed.';
comment on column reconciliations.attempts is 'How often it was tried.';
comment on column reconciliations.next_try_at is 'From when it may be tried; null: finished.';
comment on column reconciliations.lease_token is 'Who is making it now. The rows of the bills carry the same token.';
comment on column reconciliations.lease_until is 'Until when that one may be waited for.';
comment on column reconciliations.failure_code is 'Why the last try failed.';
comment on column reconciliations.payment_count is 'Payments in the trade bill, foreign ones included.';
comment on column reconciliations.payment_fen is 'Their sum, in fen.';
comment on column reconciliations.refund_count is 'Refunds in the trade bill, foreign ones included.';
comment on column reconciliations.refund_fen is 'Their sum, in fen.';
comment on column reconciliations.movement_count is 'Rows of the fund-flow bill.';
comment on column reconciliations.foreign_count is 'Rows of the trade bill that belong to another system of the same merchant.';
comment on column reconciliations.foreign_fen is 'Their payments, in fen.';
comment on column reconciliations.difference_count is 'How many differences were found; of very many, only the first have rows.';
comment on column reconciliations.finished_at is 'When it was finished, or given up.';

create table reconciliation_differences (
    id uuid not null constraint reconciliation_differences_pkey primary key,
    reconciliation_id uuid not null constraint reconciliation_differences_reconciliation_id_fkey references reconciliations (id),
    kind text not null constraint reconciliation_differences_kind_check
        check (kind in ('missing_here', 'missing_there', 'amount', 'state', 'refund', 'fee')),
    subject text not null,
    out_trade_no text,
    transaction_id text,
    out_refund_no text,
    order_id uuid,
    ours jsonb,
    theirs jsonb,
    exception_id uuid not null constraint reconciliation_differences_exception_id_fkey references exceptions (id),
    constraint reconciliation_differences_kind_subject_key unique (reconciliation_id, kind, subject)
);

create index reconciliation_differences_exception_id_idx on reconciliation_differences (exception_id);

comment on table reconciliation_differences is 'What a reconciliation found. Each is an exception too, which outlives it.';
comment on column reconciliation_differences.reconciliation_id is 'The run.';
comment on column reconciliation_differences.kind is 'What differs, as domain::reconciliation names it.';
comment on column reconciliation_differences.out_trade_no is 'The merchant''s number of the payment.';
comment on column reconciliation_differences.transaction_id is 'WeChat''s number of the payment.';
comment on column reconciliation_differences.out_refund_no is 'The merchant''s number of the refund.';
comment on column reconciliation_differences.exception_id is 'The exception: one for each kind and subject, whatever run finds it.';
comment on column reconciliation_differences.subject is 'WeChat''s number of the payment, or our number of the refund: what the exception is about.';
comment on column reconciliation_differences.order_id is 'The order, where one is concerned.';
comment on column reconciliation_differences.ours is 'What the books say; null: nothing.';
comment on column reconciliation_differences.theirs is 'What the bill says; null: nothing.';

-- Unlogged: they can be fetched again, and a crash that empties them fails the run that needed them.
create unlogged table bill_rows (
    lease_token uuid not null,
    line bigint not null,
    is_refund boolean not null,
    moved_at timestamptz not null,
    app_id text not null,
    transaction_id text not null,
    out_trade_no text not null,
    trade_state text not null,
    currency text not null,
    amount_fen bigint not null,
    settled_fen bigint not null,
    fee_thousandths bigint not null,
    refund_id text,
    out_refund_no text,
    constraint bill_rows_pkey primary key (lease_token, line)
);

create index bill_rows_transaction_id_idx on bill_rows (lease_token, transaction_id);
create index bill_rows_out_trade_no_idx on bill_rows (lease_token, out_trade_no);
create index bill_rows_out_refund_no_idx on bill_rows (lease_token, out_refund_no) where out_refund_no is not null;

comment on table bill_rows is 'The trade bill while it is compared; empty otherwise.';
comment on column bill_rows.lease_token is 'The try of a reconciliation that they belong to.';
comment on column bill_rows.amount_fen is 'What was ordered, or asked to go back, in fen.';
comment on column bill_rows.settled_fen is 'What of it is the merchant''s, in fen.';
comment on column bill_rows.fee_thousandths is 'The fee in thousandths of a fen; negative when it came back.';
comment on column bill_rows.trade_state is 'WeChat''s word for the state of the payment or the refund.';
comment on column bill_rows.line is 'Where it stands in the bill, the first line being 1.';
comment on column bill_rows.is_refund is 'Whether it is a refund, else a payment.';
comment on column bill_rows.moved_at is 'When the money moved, by WeChat''s clock.';
comment on column bill_rows.app_id is 'The mini program.';
comment on column bill_rows.transaction_id is 'WeChat''s number of the payment.';
comment on column bill_rows.out_trade_no is 'The merchant''s number of it.';
comment on column bill_rows.currency is 'Of the amounts.';
comment on column bill_rows.refund_id is 'WeChat''s number of the refund.';
comment on column bill_rows.out_refund_no is 'The merchant''s number of it.';

create unlogged table bill_movements (
    lease_token uuid not null,
    line bigint not null,
    number text,
    net_fen bigint not null,
    constraint bill_movements_pkey primary key (lease_token, line)
);

create index bill_movements_number_idx on bill_movements (lease_token, number);

comment on table bill_movements is 'The fund-flow bill while it is compared; empty otherwise.';
comment on column bill_movements.lease_token is 'The try of a reconciliation that they belong to.';
comment on column bill_movements.line is 'Where it stands in the bill, the first line being 1.';
comment on column bill_movements.number is 'WeChat''s number of the payment or refund that moved the account.';
comment on column bill_movements.net_fen is 'What came in, in fen; negative: what went out.';

-- The payments of a day.
create index payments_success_at_idx on payments (success_at, transaction_id);
