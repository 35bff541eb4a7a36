-- WeChat's "no such refund" may be older than a refund that it has just taken, so what was sent without an answer is
-- remembered with its time. Rows before this: any sending may have gone without an answer.

alter table refunds add column unanswered_at timestamptz;

update refunds set unanswered_at = tried_at where status = 'created' and tried_at is not null;

comment on column refunds.unanswered_at is 'When it was last sent, or about to be, without an answer to believe; null: each sending was refused. For a minute from then on "no such refund" does not count.';
