-- What was asked of WeChat Pay about an order and what it said, with the ids that its support asks for.

create table wechat_calls (
    order_id uuid not null constraint wechat_calls_order_id_fkey references orders (id),
    number text not null constraint wechat_calls_number_check check (length(number) between 1 and 64),
    api text not null constraint wechat_calls_api_check check (length(api) between 1 and 32),
    outcome text not null constraint wechat_calls_outcome_check check (length(outcome) between 1 and 40),
    calls integer not null constraint wechat_calls_calls_check check (calls >= 1),
    first_at timestamptz not null,
    last_at timestamptz not null,
    last_request_id text constraint wechat_calls_last_request_id_check check (length(last_request_id) <= 128),
    constraint wechat_calls_pkey primary key (order_id, number, api, outcome)
);

comment on table wechat_calls is 'Calls to WeChat Pay about an order, one row for each number, API and outcome, however often it was called: for the timeline, never for a decision.';
comment on column wechat_calls.number is 'Our number at WeChat: an out_trade_no, or an out_refund_no.';
comment on column wechat_calls.api is 'What was asked: prepay, query, close, refund, …';
comment on column wechat_calls.outcome is 'ok, the state that WeChat told, its code when it refused, or why nothing is known.';
comment on column wechat_calls.calls is 'How often it ended so.';
comment on column wechat_calls.first_at is 'When it first ended so.';
comment on column wechat_calls.last_at is 'When it last ended so.';
comment on column wechat_calls.last_request_id is 'WeChat''s Request-ID of the last one; null where there was no answer.';
