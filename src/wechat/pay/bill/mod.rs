//! Bills: what WeChat Pay says happened on a day, asked for, downloaded and read in pieces.
//!
//! The answer that names the download is signed; the download is not, and is believed by its SHA-1,
//! after its last byte. Rows are handed out before that, so that a bill of any length needs little
//! memory: nothing of them may be believed until [`Download::next`] has given its last. Source: pay-v3, section 11.

mod amount;
mod error;
mod flow;
mod sheet;
mod trade;
mod unpack;

use chrono::NaiveDate;
use serde::Deserialize;
use url::{Position, Url};

pub use error::BillError;
pub use flow::{Flow, FlowRow};
pub use sheet::{Kind, Sheet, Summary};
pub use trade::{RefundPart, Trade, TradeRow};
pub use unpack::{Hashed, Unpacker};

use super::client::{Call, Client};
use super::error::{PayError, UnknownReason, is_code};
use crate::wechat::send::Incoming;
use crate::wechat::wire::Text;

const TRADE: &str = "pay_trade_bill";
const FLOW: &str = "pay_fund_flow_bill";
const DOWNLOAD: &str = "pay_bill_download";
/// So many bytes are unpacked before the rows in them are looked at: they may be a thousand times as many.
const STEP_BYTES: usize = 4 * 1024;
/// Rows are handed out about so many at a time.
const BATCH_ROWS: usize = 1_000;

#[derive(Deserialize)]
struct BillAnswer<'a> {
    #[serde(borrow)]
    hash_type: Text<'a>,
    #[serde(borrow)]
    hash_value: Text<'a>,
    #[serde(borrow)]
    download_url: Text<'a>,
}

/// A bill on its way.
#[derive(Debug)]
pub struct Download<K: Kind> {
    incoming: Incoming,
    /// What has come and is not read yet.
    unread: Vec<u8>,
    /// Both are there until the last byte has come, or something was wrong.
    reading: Option<(Unpacker, Sheet<K>)>,
    is_whole: bool,
    hash: String,
}

impl Client {
    /// The trade bill of a day; nothing when there was no trade.
    ///
    /// # Errors
    /// See [`BillError`].
    pub async fn trade_bill(&self, day: NaiveDate) -> Result<Option<Download<Trade>>, BillError> {
        let path = format!("/v3/bill/tradebill?bill_date={day}&bill_type=ALL&tar_type=GZIP");
        self.bill(TRADE, path).await
    }

    /// The fund-flow bill of the basic account of a day; nothing when it did not move.
    ///
    /// # Errors
    /// See [`BillError`].
    pub async fn fund_flow_bill(&self, day: NaiveDate) -> Result<Option<Download<Flow>>, BillError> {
        let path = format!("/v3/bill/fundflowbill?bill_date={day}&account_type=BASIC&tar_type=GZIP");
        self.bill(FLOW, path).await
    }

    async fn bill<K: Kind>(&self, api: &'static str, path: String) -> Result<Option<Download<K>>, BillError> {
        let answer = match self.exchange(&Call::get(api, path)).await {
            Ok(answer) => answer,
            Err(PayError::Definite { code, .. }) if is_code(&code, "NOSTATEMENTEXIST") => return Ok(None),
            Err(PayError::Definite { code, .. }) if is_code(&code, "STATEMENTCREATING") => {
                return Err(BillError::NotReady);
            }
            Err(error) => return Err(refused(error)),
        };
        let malformed = |field| BillError::Pay(answer.unknown(UnknownReason::Malformed(field)).logged(api));
        let named: BillAnswer<'_> =
            serde_json::from_slice(&answer.body).map_err(|_| malformed("download_url"))?;
        if named.hash_type.as_str() != "SHA1" {
            return Err(malformed("hash_type"));
        }
        let url = Url::parse(named.download_url.as_str()).map_err(|_| malformed("download_url"))?;
        let Some(host) = self.merchant().bill_host(&url) else {
            tracing::error!(
                api,
                host = url.host_str(),
                "a bill is said to lie on a foreign host"
            );
            return Err(BillError::Elsewhere);
        };
        let call = Call::get(
            DOWNLOAD,
            url[Position::BeforePath..Position::AfterQuery].to_owned(),
        );
        let incoming = self.open_download(&call, &host).await.map_err(refused)?;
        Ok(Some(Download {
            incoming,
            unread: Vec::new(),
            reading: Some((Unpacker::default(), Sheet::default())),
            is_whole: false,
            hash: named.hash_value.as_str().to_owned(),
        }))
    }
}

fn refused(error: PayError) -> BillError {
    if error.is_rate_limited() {
        BillError::RateLimited
    } else {
        BillError::Pay(error)
    }
}

impl<K: Kind> Download<K> {
    /// The next rows; nothing after the last, and only then is the bill known to be whole and WeChat's.
    ///
    /// # Errors
    /// The first thing that is wrong with it; whoever asks again is told that it is not whole.
    pub async fn next(&mut self) -> Result<Option<Vec<K::Row>>, BillError> {
        let mut rows = Vec::new();
        while let Some((mut unpacker, mut sheet)) = self.reading.take() {
            if self.unread.is_empty() {
                self.unread = self
                    .incoming
                    .chunk()
                    .await
                    .map_err(BillError::Broken)?
                    .unwrap_or_default();
            }
            if self.unread.is_empty() {
                let hashed = unpacker.finish(&self.hash, &mut |text| sheet.push(text, &mut rows))?;
                let count = sheet.finish(&mut rows)?;
                self.is_whole = true;
                let hashed = hashed.as_str();
                tracing::info!(api = DOWNLOAD, rows = count, hashed, "a bill is whole");
            } else {
                let rest = self.unread.split_off(self.unread.len().min(STEP_BYTES));
                let step = std::mem::replace(&mut self.unread, rest);
                unpacker.push(&step, &mut |text| sheet.push(text, &mut rows))?;
                self.reading = Some((unpacker, sheet));
            }
            if rows.len() >= BATCH_ROWS {
                break;
            }
        }
        match rows.is_empty() {
            false => Ok(Some(rows)),
            true if self.is_whole => Ok(None),
            true => Err(BillError::Truncated),
        }
    }
}
