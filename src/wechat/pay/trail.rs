//! How calls ended, for the timeline of an order: whoever makes a call may follow it and learns its
//! end and `WeChat`'s request id, whatever became of the answer further on.
//!
//! It hangs on the task, so that a success need not carry the id through every type.

use std::cell::RefCell;
use std::future::Future;

use super::error::PayError;

/// The longest outcome that is kept, in characters: codes of `WeChat` are shorter.
const OUTCOME_CHARS_MAX: usize = 40;

/// How a call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallEnd {
    /// What was asked: `prepay`, `query`, `close`, …
    pub api: &'static str,
    /// `ok`, `WeChat`'s code, or why nothing is known: visible ASCII, 1 to 40 characters.
    pub outcome: String,
    /// What `WeChat`'s support asks for, if there was an answer.
    pub request_id: Option<String>,
}

impl CallEnd {
    /// The same end with what the answer said in the outcome's place.
    #[must_use]
    pub fn saying(self, said: &str) -> Self {
        Self {
            outcome: word(said),
            ..self
        }
    }
}

tokio::task_local! {
    static LAST: RefCell<Option<CallEnd>>;
}

/// Makes a call and tells how the last exchange of it ended; nothing where none was begun.
pub async fn follow<T>(call: impl Future<Output = T>) -> (T, Option<CallEnd>) {
    LAST.scope(RefCell::new(None), async {
        let result = call.await;
        (result, LAST.with(RefCell::take))
    })
    .await
}

/// Notes how an exchange ended, if somebody follows.
pub(super) fn note(api: &'static str, outcome: Result<Option<String>, &PayError>) {
    let (outcome, request_id) = match outcome {
        Ok(request_id) => ("ok".to_owned(), request_id),
        Err(error) => (failure(error), error.request_id().map(str::to_owned)),
    };
    let end = CallEnd {
        api: api.strip_prefix("pay_").unwrap_or(api),
        outcome,
        request_id,
    };
    // Nobody follows a call that is about no order.
    drop(LAST.try_with(|last| last.replace(Some(end))));
}

fn failure(error: &PayError) -> String {
    match error {
        PayError::Definite { code, .. } => word(code),
        PayError::Unknown { reason, .. } => reason.as_str().to_owned(),
        PayError::NotReached(_) => "not_reached".to_owned(),
    }
}

/// What came over the wire, made fit to be kept.
fn word(text: &str) -> String {
    let visible = text.chars().filter(char::is_ascii_graphic);
    let word: String = visible.take(OUTCOME_CHARS_MAX).collect();
    if word.is_empty() {
        "unreadable".to_owned()
    } else {
        word
    }
}

#[cfg(test)]
mod tests {
    use super::{CallEnd, follow, note};
    use crate::wechat::pay::{PayError, UnknownReason};

    fn refusal(code: &str) -> PayError {
        PayError::Definite {
            code: code.to_owned(),
            http_status: 400,
            request_id: Some("08F1-1".to_owned()),
        }
    }

    #[tokio::test]
    async fn whoever_follows_learns_the_last_end_and_nobody_else_does() {
        note("pay_query", Ok(None));
        let (result, end) = follow(async { 3 }).await;
        assert_eq!((result, end), (3, None));
        let ((), end) = follow(async {
            note("pay_query", Ok(Some("08F1-0".to_owned())));
            note("pay_close", Err(&refusal("ORDERPAID")));
        })
        .await;
        let expected = CallEnd {
            api: "close",
            outcome: "ORDERPAID".to_owned(),
            request_id: Some("08F1-1".to_owned()),
        };
        assert_eq!(end, Some(expected));
    }

    #[tokio::test]
    async fn an_outcome_is_short_and_visible_whatever_came() {
        for (code, outcome) in [
            ("", "unreadable"),
            ("系统", "unreadable"),
            ("A B\u{0}C", "ABC"),
            (&"X".repeat(99), &"X".repeat(40)),
        ] {
            let ((), end) = follow(async { note("pay_refund", Err(&refusal(code))) }).await;
            assert_eq!(end.unwrap().outcome, outcome);
        }
        let unclear = PayError::Unknown {
            reason: UnknownReason::Timeout,
            request_id: None,
        };
        let ((), end) = follow(async { note("pay_prepay", Err(&unclear)) }).await;
        let end = end.unwrap();
        assert_eq!(end.outcome, "timeout");
        assert_eq!(end.saying("NOTPAY").outcome, "NOTPAY");
    }
}
