//! What happened to an order, told in sentences that a support person understands, with the figures
//! beside them. No name of a person and no secret is in it.

mod shipping;

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::domain::id::OrderId;
use crate::error::AppError;
use crate::service::Context;
use crate::store;
use crate::store::timeline::TimelineRow;
use shipping::Shipping;

/// The most entries of one timeline; the newest are kept.
const ENTRIES_MAX: usize = 500;

/// One thing that happened.
#[derive(Clone, Debug)]
pub struct Entry {
    /// When, by our clock.
    pub at: DateTime<Utc>,
    /// What, in a word.
    pub kind: String,
    /// What, in a sentence.
    pub summary: String,
    /// What else is known of it.
    pub figures: Value,
}

/// The timeline of an order, oldest first, and whether that is all of it.
pub(super) async fn read(context: &Context, id: OrderId) -> Result<(Vec<Entry>, bool), AppError> {
    let limit = i64::try_from(ENTRIES_MAX).unwrap_or(i64::MAX);
    let mut rows = store::timeline::list(&context.db, id, limit.saturating_add(1)).await?;
    let is_whole = rows.len() <= ENTRIES_MAX;
    if !is_whole {
        rows.remove(0);
    }
    Ok((rows.into_iter().map(entry).collect(), is_whole))
}

fn entry(row: TimelineRow) -> Entry {
    Entry {
        summary: Told(&row.figures).summary(&row.kind),
        at: row.at,
        kind: row.kind,
        figures: row.figures,
    }
}

/// The figures of an entry, to be put into words.
struct Told<'a>(&'a Value);

impl Told<'_> {
    fn text(&self, name: &str) -> &str {
        self.0.get(name).and_then(Value::as_str).unwrap_or("?")
    }

    fn number(&self, name: &str) -> i64 {
        self.0.get(name).and_then(Value::as_i64).unwrap_or(0)
    }

    fn is(&self, name: &str) -> bool {
        self.0.get(name).and_then(Value::as_bool).unwrap_or(false)
    }

    fn has(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|value| !value.is_null())
    }

    /// An amount as people write it.
    fn yuan(&self, name: &str) -> String {
        let fen = self.number(name);
        format!("¥{}.{:02}", fen / 100, fen % 100)
    }

    fn summary(&self, kind: &str) -> String {
        match kind {
            "order_placed" => format!("The order was placed: {} to pay.", self.yuan("total_fen")),
            "page_asked" => "The page asked whether the order is paid, for the last time so far.".to_owned(),
            "order_shipped" => "All of the goods were sent.".to_owned(),
            "shipment_told" => Shipping(self).told(),
            "shipment_ended" => Shipping(self).ended(),
            "wechat_told" => Shipping(self).heard(),
            "payment_started" => format!(
                "The buyer went to pay {} under the number {}.",
                self.yuan("total_fen"),
                self.text("out_trade_no")
            ),
            "payment_offered" => {
                "WeChat took the payment on, and the buyer could pay from then on (or pay again, if it was renewed)."
                    .to_owned()
            }
            "payment_ended" => self.payment_ended(),
            "wechat_asked" => self.wechat_asked(),
            "notification" => self.notification(),
            "money_landed" => self.money_landed(),
            "refund_wanted" => self.refund_wanted(),
            "refund_stuck" => format!(
                "The refund of {} did not come about: WeChat calls it {}.",
                self.yuan("amount_fen"),
                self.text("status")
            ),
            "refund_arrived" => format!(
                "{} went back to the payer; we know it {}.",
                self.yuan("amount_fen"),
                self.source()
            ),
            "order_moved" => format!(
                "The order went from {} to {}; the cause: {}.",
                self.text("from_status"),
                self.text("to_status"),
                self.text("cause")
            ),
            "event_told" => self.event_told(),
            "exception" => format!("An exception was opened, {}: {}", self.text("kind"), self.text("detail")),
            "exception_resolved" => {
                format!("The exception {} was resolved: {}", self.text("kind"), self.text("resolution"))
            }
            _ => "Something happened that this version has no words for.".to_owned(),
        }
    }

    /// How we know of money.
    fn source(&self) -> &'static str {
        match self.text("source") {
            "notification" => "from WeChat's notification",
            _ => "because we asked WeChat",
        }
    }

    fn payment_ended(&self) -> String {
        if self.text("state") == "failed" {
            return format!(
                "WeChat refused to take the payment on: {}.",
                self.text("failure_code")
            );
        }
        format!(
            "The number {} was closed: nobody can pay it any more.",
            self.text("out_trade_no")
        )
    }

    fn wechat_asked(&self) -> String {
        let wish = match self.text("api") {
            "prepay" => "to take a payment on",
            "query" => "whether it is paid",
            "close" => "to close the payment",
            "refund" => "to give money back",
            "refund_query" => "how the refund stands",
            "ship" => "to note what was sent",
            "ship_query" => "what it has noted of the shipment",
            other => other,
        };
        let said = match self.text("outcome") {
            "ok" => "it agreed".to_owned(),
            "told" => "it told us".to_owned(),
            "SUCCESS" => "it is paid".to_owned(),
            "REFUND" => "it is paid, and money went back".to_owned(),
            "NOTPAY" => "nobody has paid yet".to_owned(),
            "CLOSED" => "it is closed".to_owned(),
            "PROCESSING" => "it is on its way".to_owned(),
            "SUCCEEDED" => "the payer has the money".to_owned(),
            "REFUND_CLOSED" => "it closed the refund".to_owned(),
            "ABNORMAL" => "it cannot deliver the money".to_owned(),
            "ABSENT" => "it knows no such refund".to_owned(),
            "no_token" => "it gave us no access, so that it was not asked".to_owned(),
            "ORDER_NOT_EXIST" | "ORDERNOTEXIST" => "it knows no such number".to_owned(),
            "not_reached" => "it could not be reached".to_owned(),
            "timeout" => "no answer came in time, so that nothing is known".to_owned(),
            "connection_lost" => "the connection broke, so that nothing is known".to_owned(),
            "bad_signature" => "its answer was not to be believed, so that nothing is known".to_owned(),
            "unavailable" => "it was out of order, so that nothing is known".to_owned(),
            "rate_limited" => "it was asked too often".to_owned(),
            other => match shipping::errcode_meaning(other) {
                Some(meaning) => format!("{meaning} ({other})"),
                None => format!("it said {other}"),
            },
        };
        match self.number("calls") {
            1 => format!("We asked WeChat {wish}: {said}."),
            calls => format!("We asked WeChat {wish}, {calls} times with the same end: {said}."),
        }
    }

    fn notification(&self) -> String {
        let verdict = match self.text("verdict") {
            "settled" => "what it tells is in the books".to_owned(),
            "duplicate" => "we knew it already, and nothing changed".to_owned(),
            "other" => "it is about nothing that this server handles".to_owned(),
            kind => format!("it became an exception or an entry of its own, {kind}"),
        };
        if self.has("replay_of") {
            return format!("A recorded notification was run again by hand: {verdict}.");
        }
        format!("A notification of WeChat arrived: {verdict}.")
    }

    fn money_landed(&self) -> String {
        let (amount, number) = (self.yuan("total_fen"), self.text("transaction_id"));
        let source = self.source();
        if self.is("is_surplus") {
            return format!(
                "{amount} landed that the order does not want, WeChat's number {number}; it must go back. We know it {source}."
            );
        }
        format!("{amount} landed for the order, WeChat's number {number}. We know it {source}.")
    }

    fn refund_wanted(&self) -> String {
        let who = match self.text("cause") {
            "operator" => "The operator wanted",
            _ => "By policy, because the order does not want the money, we wanted",
        };
        format!("{who} {} to go back to the payer.", self.yuan("amount_fen"))
    }

    fn event_told(&self) -> String {
        let (kind, tries) = (self.text("type"), self.number("tries"));
        let in_all = if tries == 1 {
            "in one try".to_owned()
        } else {
            format!("in {tries} tries")
        };
        match self.text("state") {
            "delivered" => format!("The receiver of events took {kind} at try {tries}."),
            "parked" => format!(
                "The receiver of events did not take {kind} {in_all}, the last with {}: it waits for a human.",
                self.text("last_outcome")
            ),
            "given_up" => {
                format!("{kind} is not told to the receiver of events any more: a human gave it up.")
            }
            _ if tries == 0 => format!("{kind} waits to be told to the receiver of events."),
            _ => format!(
                "The receiver of events has not taken {kind} {in_all}, the last with {}: it is tried again.",
                self.text("last_outcome")
            ),
        }
    }
}
