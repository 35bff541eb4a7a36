-- A refund's tried_at moves with each sending: WeChat takes one a minute for a payment, whatever was planned.

comment on column refunds.tried_at is 'When it was last about to be sent; not null: WeChat may have it.';
