//! `GET /v3/bill/tradebill` and `GET /v3/bill/fundflowbill`: where a bill of a day is fetched.

use std::sync::Arc;

use chrono::{DateTime, Months, NaiveDate, TimeDelta, Utc};
use serde_json::json;

use super::answer::{Refusal, accepted};
use super::authorization;
use crate::simulator::bill::{Bill, Kind, Ticket, TradeKind};
use crate::simulator::call::{Call, Reply};
use crate::simulator::clock::china_date;
use crate::simulator::fault::FaultKind;
use crate::simulator::state::Shared;

/// How long after the day began a bill can be had: at ten o'clock of the next day.
const READY_AFTER: TimeDelta = TimeDelta::hours(24 + 10);
/// How far back bills go.
const KEPT_FOR: Months = Months::new(3);

/// Answers for the trade bill.
pub(in crate::simulator) fn handle_trade(shared: &Shared, call: &Call) -> Reply {
    trade(shared, call).unwrap_or_else(Refusal::into_reply)
}

/// Answers for the fund-flow bill.
pub(in crate::simulator) fn handle_fund_flow(shared: &Shared, call: &Call) -> Reply {
    fund_flow(shared, call).unwrap_or_else(Refusal::into_reply)
}

/// The parameters of the query, each once and known.
struct Asked {
    bill_date: String,
    /// `bill_type` or `account_type`.
    which: Option<String>,
    is_gzip: bool,
}

fn trade(shared: &Shared, call: &Call) -> Result<Reply, Refusal> {
    let asked = parameters(call, "bill_type")?;
    let kind = match asked.which.as_deref() {
        None | Some("ALL") => TradeKind::All,
        Some("SUCCESS") => TradeKind::Success,
        Some("REFUND") => TradeKind::Refund,
        Some(_) => return Err(Refusal::query("bill_type", "one of ALL, SUCCESS, REFUND")),
    };
    make(shared, call, Kind::Trade(kind), &asked)
}

fn fund_flow(shared: &Shared, call: &Call) -> Result<Reply, Refusal> {
    let asked = parameters(call, "account_type")?;
    match asked.which.as_deref() {
        None | Some("BASIC") => make(shared, call, Kind::FundFlow, &asked),
        // The merchant has no other account: nothing ever moves there.
        Some("OPERATION" | "FEES") => {
            authorization::check(shared, call)?;
            Err(Refusal::no_statement())
        }
        Some(_) => Err(Refusal::query("account_type", "one of BASIC, OPERATION, FEES")),
    }
}

fn parameters(call: &Call, which: &'static str) -> Result<Asked, Refusal> {
    let mut bill_date = None;
    let mut asked_for = None;
    let mut tar_type = None;
    for (name, value) in call.parameters() {
        let place = match name.as_str() {
            "bill_date" => &mut bill_date,
            "tar_type" => &mut tar_type,
            name if name == which => &mut asked_for,
            name => return Err(Refusal::query(name, "unknown parameter")),
        };
        if place.replace(value).is_some() {
            return Err(Refusal::query(&name, "comes twice"));
        }
    }
    Ok(Asked {
        bill_date: bill_date.ok_or_else(|| Refusal::query("bill_date", "missing"))?,
        which: asked_for,
        is_gzip: match tar_type.as_deref() {
            None => false,
            Some("GZIP") => true,
            Some(_) => return Err(Refusal::query("tar_type", "only GZIP")),
        },
    })
}

fn make(shared: &Shared, call: &Call, kind: Kind, asked: &Asked) -> Result<Reply, Refusal> {
    let signer = authorization::check(shared, call)?;
    let host = call.header("host").ok().flatten();
    let host = host.ok_or_else(|| Refusal::header("Host", "missing"))?;
    let struck = &call.struck;
    let day = shared.step(|_, now| billed_day(&asked.bill_date, now))?;
    if struck.has(FaultKind::BillNotReady) {
        return Err(Refusal::statement_creating());
    }
    let mch_id = &shared.merchant.mch_id;
    let bill = shared.step(|world, _| Bill::new(world, mch_id, kind, day, struck));
    let bill = Arc::new(bill.ok_or_else(Refusal::no_statement)?);
    let written = bill.digested();
    let token = shared.step(|world, now| {
        let token = world.entropy.text(64);
        world.tickets.add(Ticket {
            token: token.clone(),
            made_at: now,
            bill,
            is_gzip: asked.is_gzip,
            bytes_max: struck.has(FaultKind::BillTruncated).then_some(written.bytes / 2),
        });
        token
    });
    let hash = if struck.has(FaultKind::BillHashWrong) {
        written.sha1.chars().rev().collect()
    } else {
        written.sha1
    };
    let answer = json!({
        "hash_type": "SHA1",
        "hash_value": hash,
        "download_url": format!("http://{host}/v3/billdownload/file?token={token}"),
    });
    Ok(accepted(&answer, signer))
}

/// The day, if there is a bill of it by now.
fn billed_day(text: &str, now: DateTime<Utc>) -> Result<NaiveDate, Refusal> {
    let day = Some(text)
        .filter(|text| text.len() == 10)
        .and_then(|text| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok())
        .ok_or_else(|| Refusal::query("bill_date", "not yyyy-MM-dd"))?;
    let today = china_date(now);
    if day >= today {
        return Err(Refusal::invalid_request("there is no bill of today or later"));
    }
    if today
        .checked_sub_months(KEPT_FOR)
        .is_some_and(|first| day < first)
    {
        return Err(Refusal::invalid_request("bills go back three months"));
    }
    if china_date(now - READY_AFTER) < day {
        return Err(Refusal::statement_creating());
    }
    Ok(day)
}
