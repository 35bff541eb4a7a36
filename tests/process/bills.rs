//! A day of a shop in numbers: its books in SQL, WeChat's two bills of it, and what was spoiled in them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};

/// Every so many payments, one was refunded in full.
const REFUNDED_EVERY: u64 = 50;

/// What is wrong with a payment or its refund.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Defect {
    NotInBill,
    NotInBooks,
    Doubled,
    Amount,
    State,
    Fee,
    NoMovement,
    RefundNotInBill,
    RefundNotInBooks,
    RefundAmount,
    RefundFailed,
}

const OF_PAYMENTS: [Defect; 7] = [
    Defect::NotInBill,
    Defect::NotInBooks,
    Defect::Doubled,
    Defect::Amount,
    Defect::State,
    Defect::Fee,
    Defect::NoMovement,
];
const OF_REFUNDS: [Defect; 4] = [
    Defect::RefundNotInBill,
    Defect::RefundNotInBooks,
    Defect::RefundAmount,
    Defect::RefundFailed,
];

/// The day.
pub(crate) struct Day {
    pub(crate) date: NaiveDate,
    payments: u64,
    defects: BTreeMap<u64, Defect>,
}

impl Day {
    /// A day with so many payments and so many defects, the same for the same seed.
    pub(crate) fn new(date: NaiveDate, payments: u64, defects: usize, mut seed: u64) -> Self {
        let mut chosen = BTreeMap::new();
        while chosen.len() < defects {
            // A generator that is good enough to scatter: Knuth's multiplier.
            seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            // Not at the ends of the day, where a movement may stand in another bill.
            let number = payments / 50 + (seed >> 33) % (payments - payments / 25);
            let at = chosen.len();
            // Every fifth defect is in a refund.
            let (number, defect) = if at % 5 == 0 {
                (
                    number - number % REFUNDED_EVERY,
                    OF_REFUNDS[at / 5 % OF_REFUNDS.len()],
                )
            } else if number.is_multiple_of(REFUNDED_EVERY) {
                continue;
            } else {
                (number, OF_PAYMENTS[at % OF_PAYMENTS.len()])
            };
            chosen.entry(number).or_insert(defect);
        }
        Self {
            date,
            payments,
            defects: chosen,
        }
    }

    fn has(&self, number: u64, defect: Defect) -> bool {
        self.defects.get(&number) == Some(&defect)
    }

    fn is_refunded(number: u64) -> bool {
        number.is_multiple_of(REFUNDED_EVERY)
    }

    fn begins_at(&self) -> DateTime<Utc> {
        self.date.and_time(chrono::NaiveTime::MIN).and_utc() - TimeDelta::hours(8)
    }

    /// The kinds and subjects that must be found.
    pub(crate) fn expected(&self) -> BTreeSet<(String, String)> {
        let expected = self.defects.iter().map(|(number, defect)| {
            let (kind, subject) = match defect {
                Defect::NotInBill => ("missing_there", transaction_id(*number)),
                Defect::NotInBooks | Defect::Doubled => ("missing_here", transaction_id(*number)),
                Defect::Amount => ("amount", transaction_id(*number)),
                Defect::State => ("state", transaction_id(*number)),
                Defect::Fee | Defect::NoMovement => ("fee", transaction_id(*number)),
                Defect::RefundNotInBill
                | Defect::RefundNotInBooks
                | Defect::RefundAmount
                | Defect::RefundFailed => ("refund", format!("R{number:012}")),
            };
            (kind.to_owned(), subject)
        });
        expected.collect()
    }

    /// The numbers with a defect, for SQL.
    fn numbers(&self, wanted: Defect) -> String {
        let numbers = self.defects.iter().filter(|(_, defect)| **defect == wanted);
        let numbers: Vec<String> = numbers.map(|(number, _)| number.to_string()).collect();
        numbers.join(",")
    }

    /// The statements that fill the books.
    pub(crate) fn books(&self) -> Vec<String> {
        let begins_at = self.begins_at().to_rfc3339();
        let last = (self.payments - 1).max(1);
        let unknown = self.numbers(Defect::NotInBooks);
        let by_hand = self.numbers(Defect::RefundNotInBooks);
        let day = format!(
            "create temporary table day as select n, ('00000000-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid as id,
                1 + n % 10000 as fen, 'T' || lpad(n::text, 12, '0') as number, '42' || lpad(n::text, 18, '0') as transaction_id,
                '{begins_at}'::timestamptz + (((n - 1) * 86399) / {last}) * interval '1 second' as paid_at,
                not (n = any('{{{unknown}}}'::bigint[])) as is_known,
                n % 50 = 0 and not (n = any('{{{by_hand}}}'::bigint[])) as is_refunded
            from generate_series(1, {}::bigint) as numbers (n)",
            self.payments
        );
        let rest = [
            "insert into users (id, app_id, openid, session_key, session_key_hash, session_key_at, created_at, updated_at)
                select '00000000-0000-7000-8000-000000000000', 'wx1234567890abcdef', 'oAlice', '\\x01', '\\x02', t, t, t
                from (select min(paid_at) as t from day) as first",
            "insert into orders (id, user_id, app_id, openid, status, total_fen, currency, description, created_at, updated_at,
                    expires_at, paid_at)
                select id, '00000000-0000-7000-8000-000000000000', 'wx1234567890abcdef', 'oAlice', 'paid', fen, 'CNY', 'Tea',
                    paid_at, paid_at, paid_at + interval '30 minutes', paid_at from day",
            "insert into payment_attempts (id, order_id, out_trade_no, app_id, mch_id, total_fen, currency, state, transaction_id,
                    created_at, updated_at)
                select id, id, number, 'wx1234567890abcdef', '1900000001', fen, 'CNY',
                    case when is_known then 'settled' else 'created' end, case when is_known then transaction_id end,
                    paid_at, paid_at from day",
            "insert into payments (transaction_id, attempt_id, order_id, total_fen, currency, is_surplus, source, success_at,
                    recorded_at)
                select transaction_id, id, id, fen, 'CNY', false, 'query', paid_at, paid_at from day where is_known",
            "insert into refunds (id, order_id, transaction_id, out_refund_no, amount_fen, cause, is_restocking, notify_url, status,
                    submit_at, next_check_at, created_at, updated_at)
                select id, id, transaction_id, 'R' || lpad(n::text, 12, '0'), fen, 'operator', false, 'x', 'created', paid_at,
                    paid_at, paid_at, paid_at from day where is_refunded",
            "insert into refund_entries (refund_id, id, order_id, transaction_id, out_refund_no, amount_fen, currency, source,
                    success_at, recorded_at)
                select '50' || lpad(n::text, 18, '0'), id, id, transaction_id, 'R' || lpad(n::text, 12, '0'), fen, 'CNY', 'query',
                    paid_at, paid_at from day where is_refunded",
            "analyze payments",
        ];
        std::iter::once(day).chain(rest.map(str::to_owned)).collect()
    }

    /// The trade bill.
    pub(crate) fn trade_bill(&self) -> String {
        let mut bill = "\u{feff}交易时间,公众账号ID,商户号,微信订单号,商户订单号,用户标识,交易状态,货币种类,应结订单金额,\
            微信退款单号,商户退款单号,退款金额,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额\r\n"
            .to_owned();
        let (mut rows, mut ordered, mut settled, mut asked_back, mut refunded) = (0, 0, 0, 0, 0);
        for number in 1..=self.payments {
            let mut row = Row::of(self, number);
            row.fen += u64::from(self.has(number, Defect::Amount));
            row.fee += u64::from(self.has(number, Defect::Fee));
            let state = if self.has(number, Defect::State) {
                "REVOKED"
            } else {
                "SUCCESS"
            };
            let times = match self.defects.get(&number) {
                Some(Defect::NotInBill) => 0,
                Some(Defect::Doubled) => 2,
                _ => 1,
            };
            for _ in 0..times {
                let Row { at, fen, fee, .. } = &row;
                let (paid, own, cost) = (yuan(*fen), yuan(row.settled()), yuan(*fee));
                writeln!(
                    bill,
                    "`{at},`wx1234567890abcdef,`1900000001,`{},`T{number:012},`oAlice,`{state},`CNY,`{own},`0,`0,`0.00,`,\
                     `Tea, green,`,`{cost}000,`0.60%,`{paid},`0.00\r",
                    transaction_id(number)
                )
                .unwrap();
                (rows, ordered, settled) = (rows + 1, ordered + fen, settled + row.settled());
            }
            if Self::is_refunded(number) && !self.has(number, Defect::RefundNotInBill) {
                let mut row = Row::of(self, number);
                row.fen += u64::from(self.has(number, Defect::RefundAmount));
                let state = if self.has(number, Defect::RefundFailed) {
                    "FAIL"
                } else {
                    "SUCCESS"
                };
                let Row { at, fen, fee, .. } = &row;
                let (asked, back, cost) = (yuan(*fen), yuan(row.settled()), yuan(*fee));
                writeln!(
                    bill,
                    "`{at},`wx1234567890abcdef,`1900000001,`{},`T{number:012},`oAlice,`REFUND,`CNY,`0.00,`50{number:018},\
                     `R{number:012},`{back},`{state},`Tea, green,`,`-{cost}000,`0.60%,`0.00,`{asked}\r",
                    transaction_id(number)
                )
                .unwrap();
                (rows, asked_back, refunded) = (rows + 1, asked_back + fen, refunded + row.settled());
            }
        }
        let (ordered, settled) = (yuan(ordered), yuan(settled));
        let (asked_back, refunded) = (yuan(asked_back), yuan(refunded));
        write!(
            bill,
            "总交易单数,应结订单总金额,退款总金额,手续费总金额,订单总金额,申请退款总金额\r\n`{rows},`{settled},`{refunded},`0.00,\
             `{ordered},`{asked_back}\r\n"
        )
        .unwrap();
        bill
    }

    /// The fund-flow bill.
    pub(crate) fn flow_bill(&self) -> String {
        let mut bill = "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),备注\r\n".to_owned();
        let (mut incoming, mut outgoing) = ((0_u64, 0), (0_u64, 0));
        for number in 1..=self.payments {
            let row = Row::of(self, number);
            let (at, fen, fee) = (&row.at, row.settled(), row.fee);
            let id = transaction_id(number);
            if !self.has(number, Defect::NoMovement) {
                writeln!(
                    bill,
                    "`{at},`{id},`{id}1,`交易,`交易,`收入,`{},`0.00,`\r",
                    yuan(fen)
                )
                .unwrap();
                incoming = (incoming.0 + 1, incoming.1 + fen);
                if fee > 0 {
                    writeln!(
                        bill,
                        "`{at},`{id},`{id}2,`交易,`扣除交易手续费,`支出,`{},`0.00,`\r",
                        yuan(fee)
                    )
                    .unwrap();
                    outgoing = (outgoing.0 + 1, outgoing.1 + fee);
                }
            }
            if Self::is_refunded(number) {
                writeln!(
                    bill,
                    "`{at},`50{number:018},`{id},`退款,`退款,`支出,`{},`0.00,`\r",
                    yuan(fen - fee)
                )
                .unwrap();
                outgoing = (outgoing.0 + 1, outgoing.1 + fen - fee);
            }
        }
        let rows = incoming.0 + outgoing.0;
        write!(
            bill,
            "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额\r\n`{rows},`{},`{},`{},`{}\r\n",
            incoming.0,
            yuan(incoming.1),
            outgoing.0,
            yuan(outgoing.1)
        )
        .unwrap();
        bill
    }
}

struct Row {
    at: String,
    fen: u64,
    /// What of it a coupon of the merchant's paid: it moves no account.
    coupon: u64,
    fee: u64,
}

impl Row {
    fn settled(&self) -> u64 {
        self.fen - self.coupon
    }

    fn of(day: &Day, number: u64) -> Self {
        let second = (number - 1) * 86_399 / (day.payments - 1).max(1);
        let fen = 1 + number % 10_000;
        Self {
            at: format!(
                "{} {:02}:{:02}:{:02}",
                day.date,
                second / 3_600,
                second / 60 % 60,
                second % 60
            ),
            fen,
            coupon: u64::from(number % 11 == 5 && fen > 1),
            fee: (fen * 6 + 500) / 1_000,
        }
    }
}

fn transaction_id(number: u64) -> String {
    format!("42{number:018}")
}

fn yuan(fen: u64) -> String {
    format!("{}.{:02}", fen / 100, fen % 100)
}
