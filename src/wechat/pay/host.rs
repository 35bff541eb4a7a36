//! Each of WeChat Pay's two hosts by itself, for whoever tries them: every other call takes the second only when the
//! first fails.

use reqwest::Request;
use url::Url;

use super::client::{Client, unclear};
use super::error::{NotReached, PayError};
use crate::domain::name::OutTradeNo;

impl Client {
    /// The hosts, in the order in which they are tried; one where both settings name the same.
    pub fn hosts(&self) -> impl Iterator<Item = &Url> {
        self.merchant().hosts()
    }

    /// Asks one host for an order that nobody made, by a `number` never given out. It says that there is none to a merchant whose signature it believes;
    /// such an answer is not signed, and nothing of it is used.
    ///
    /// # Errors
    /// See [`PayError`], for any other answer.
    pub async fn query_nothing_at(&self, host: &Url, number: &OutTradeNo) -> Result<(), PayError> {
        let call = self.query_call(number);
        let mut request = Request::new(call.method.clone(), call.url(host)?);
        *request.headers_mut() = self.headers(&call)?;
        let time_max = self.upstream().total_timeout();
        let error = match self.upstream().send(call.api, request, time_max).await {
            Ok(answer) if answer.status == 200 => return Ok(()),
            Ok(answer) => answer.failure().0,
            Err(error) => match unclear(&error) {
                Some(reason) => PayError::Unknown {
                    reason,
                    request_id: None,
                },
                None => NotReached::Network(error).into(),
            },
        };
        if error.is_not_found() { Ok(()) } else { Err(error) }
    }
}
