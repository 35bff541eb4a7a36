//! Answers of `WeChat Pay`: JSON, a `Request-ID`, and a signature on the good ones.

use std::borrow::Cow;
use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::simulator::call::Reply;
use crate::simulator::fault::{FaultKind, Struck};
use crate::simulator::key::Signer;
use crate::simulator::state::Shared;

const JSON: &str = "application/json; charset=utf-8";
/// What a probe signature begins with.
pub(in crate::simulator) const PROBE_PREFIX: &str = "WECHATPAY/SIGNTEST/";
/// How old a stale timestamp is, and how far ahead one from the future.
pub(in crate::simulator) const OUTSIDE_WINDOW: TimeDelta = TimeDelta::minutes(10);

/// Why `WeChat Pay` refuses a request.
#[derive(Debug)]
pub(super) struct Refusal {
    status: u16,
    code: Cow<'static, str>,
    message: String,
    /// What stands at the end of `Request-ID`.
    number: u32,
    detail: Option<Value>,
}

impl Refusal {
    fn new(status: u16, code: &'static str, number: u32, message: impl Into<String>) -> Self {
        Self {
            status,
            code: Cow::Borrowed(code),
            message: message.into(),
            number,
            detail: None,
        }
    }

    /// A field of the body that breaks a rule. `pointer`: JSON pointer.
    pub(super) fn field(pointer: &str, issue: impl Into<String>) -> Self {
        Self::located("body", pointer, 268_435_461, &issue.into())
    }

    /// A field of the body that does not exist.
    pub(super) fn unknown_field(pointer: &str) -> Self {
        Self::located("body", pointer, 270_924_358, "unknown field")
    }

    /// A parameter of the query that breaks a rule.
    pub(super) fn query(name: &str, issue: impl Into<String>) -> Self {
        Self::located("query", name, 268_435_461, &issue.into())
    }

    /// A segment of the path that breaks a rule.
    pub(super) fn path(name: &str, issue: impl Into<String>) -> Self {
        Self::located("path", name, 268_435_461, &issue.into())
    }

    /// A header that breaks a rule.
    pub(super) fn header(name: &str, issue: impl Into<String>) -> Self {
        Self::located("header", name, 268_435_461, &issue.into())
    }

    fn located(location: &str, field: &str, number: u32, issue: &str) -> Self {
        let detail = json!({ "field": field, "issue": issue, "location": location });
        Self {
            detail: Some(detail),
            ..Self::new(400, "PARAM_ERROR", number, format!("{location} {field}: {issue}"))
        }
    }

    /// The signature does not hold; `issue` says why, for people.
    pub(super) fn signature(issue: impl Into<String>) -> Self {
        let issue = issue.into();
        let detail = json!({ "issue": issue, "location": "authorization" });
        Self {
            detail: Some(detail),
            ..Self::new(
                401,
                "SIGN_ERROR",
                268_443_699,
                format!("signature refused: {issue}"),
            )
        }
    }

    pub(super) fn invalid_request(message: impl Into<String>) -> Self {
        Self::new(400, "INVALID_REQUEST", 268_435_461, message)
    }

    pub(super) fn unknown_merchant() -> Self {
        Self::new(400, "MCH_NOT_EXISTS", 268_443_715, "this merchant does not exist")
    }

    pub(super) fn app_not_bound() -> Self {
        Self::new(
            400,
            "APPID_MCHID_NOT_MATCH",
            268_445_527,
            "this app is not bound to this merchant",
        )
    }

    pub(super) fn openid_not_of_app() -> Self {
        Self::located("body", "/payer/openid", 268_501_013, "no such user of this app")
    }

    pub(super) fn number_used() -> Self {
        Self::new(
            403,
            "OUT_TRADE_NO_USED",
            268_498_688,
            "this order exists with other parameters",
        )
    }

    /// As order calls spell it.
    pub(super) fn paid_when_ordering() -> Self {
        Self::new(400, "ORDERPAID", 268_498_689, "this order is paid")
    }

    /// As the close call spells it: both spellings occur.
    pub(super) fn paid_when_closing() -> Self {
        Self::new(400, "ORDER_PAID", 268_449_538, "this order is paid")
    }

    pub(super) fn closed() -> Self {
        Self::new(400, "ORDER_CLOSED", 268_447_914, "this order is closed")
    }

    pub(super) fn unknown_order() -> Self {
        Self::new(404, "ORDER_NOT_EXIST", 268_512_771, "this order does not exist")
    }

    /// An order or a refund that the refund calls do not find.
    pub(super) fn unknown_resource() -> Self {
        Self::new(404, "RESOURCE_NOT_EXISTS", 268_435_464, "this does not exist")
    }

    pub(super) fn not_enough() -> Self {
        Self::new(
            403,
            "NOT_ENOUGH",
            268_435_456,
            "the merchant's balance is too small",
        )
    }

    /// Nothing happened on that day.
    pub(super) fn no_statement() -> Self {
        Self::new(
            400,
            "NO_STATEMENT_EXIST",
            268_435_461,
            "there is no bill of that day",
        )
    }

    pub(super) fn statement_creating() -> Self {
        Self::new(400, "STATEMENT_CREATING", 268_435_461, "the bill is being made")
    }

    /// A token that this merchant was not given, or not within five minutes.
    pub(super) fn foreign_token() -> Self {
        Self::new(
            403,
            "NO_AUTH",
            268_447_843,
            "this token is not for you, or no longer",
        )
    }

    pub(super) fn too_often() -> Self {
        Self::new(
            429,
            "FREQUENCY_LIMITED",
            268_447_840,
            "too often; wait and repeat",
        )
    }

    pub(super) fn no_certificate() -> Self {
        Self::new(
            404,
            "RESOURCE_NOT_EXISTS",
            268_435_464,
            "no usable platform certificate",
        )
    }

    pub(super) fn system_error() -> Self {
        Self::new(500, "SYSTEM_ERROR", 268_435_456, "the simulator failed")
    }

    /// Turns it into an answer. Error answers carry no signature, as observed at the real host.
    pub(super) fn into_reply(self) -> Reply {
        let mut body = json!({ "code": self.code, "message": self.message });
        if let (Some(detail), Some(body)) = (self.detail, body.as_object_mut()) {
            body.insert("detail".to_owned(), detail);
        }
        Reply {
            status: self.status,
            content_type: Some(JSON),
            body: body.to_string().into_bytes(),
            error: Some(self.code.into_owned()),
            detail: Some(self.message),
            request_number: Some(self.number),
            ..Reply::default()
        }
    }
}

/// An error that a fault asked for.
pub(in crate::simulator) fn forced(status: u16, code: String) -> Reply {
    let code = Cow::Owned(code);
    let message = "as a fault of the simulator says".to_owned();
    Refusal {
        status,
        code,
        message,
        number: 268_435_456,
        detail: None,
    }
    .into_reply()
}

/// A path that the host does not have.
pub(in crate::simulator) fn unknown_path() -> Reply {
    Refusal::new(404, "RESOURCE_NOT_EXISTS", 268_435_464, "no such API").into_reply()
}

/// The simulator itself failed.
pub(in crate::simulator) fn failed() -> Reply {
    Refusal::system_error().into_reply()
}

/// 200 with a body, to be signed by this key.
pub(super) fn accepted(body: &Value, signer: Arc<Signer>) -> Reply {
    Reply {
        status: 200,
        content_type: Some(JSON),
        body: body.to_string().into_bytes(),
        signer: Some(signer),
        request_number: Some(0),
        ..Reply::default()
    }
}

/// 204 without a body, to be signed by this key all the same.
pub(super) fn no_content(signer: Arc<Signer>) -> Reply {
    Reply {
        status: 204,
        signer: Some(signer),
        request_number: Some(0),
        ..Reply::default()
    }
}

/// Signs a good answer and gives every answer of `WeChat Pay` its `Request-ID`.
pub(in crate::simulator) fn seal(shared: &Shared, reply: &mut Reply, struck: &Struck) {
    let Some(number) = reply.request_number else {
        return;
    };
    let (request_id, nonce) = shared.step(|world, _| (world.entropy.hex::<16>(), world.entropy.text(32)));
    let request_id = format!("{}-{number}", request_id.to_uppercase());
    reply.headers.push(("request-id", request_id));
    let Some(signer) = reply.signer.take() else { return };
    if struck.has(FaultKind::MissingAnswerSignature) {
        return;
    }
    if struck.has(FaultKind::AnswerStateMissing) {
        leave_out_state(&mut reply.body);
    }
    let mut at = shared.clock.now();
    if struck.has(FaultKind::StaleAnswer) {
        at -= OUTSIDE_WINDOW;
    }
    let timestamp = at.timestamp().to_string();
    let mut message = signed_message(&timestamp, &nonce, &reply.body);
    if struck.has(FaultKind::WrongAnswerSignature) {
        message.push(b'!');
    }
    let Ok(mut signature) = signer.sign(&message) else {
        *reply = Refusal::system_error().into_reply();
        return;
    };
    if struck.has(FaultKind::ProbeSignature) {
        signature.insert_str(0, PROBE_PREFIX);
    }
    reply.headers.extend([
        ("wechatpay-timestamp", timestamp),
        ("wechatpay-nonce", nonce),
        ("wechatpay-signature", signature),
        ("wechatpay-serial", signer.serial().to_owned()),
        ("wechatpay-signature-type", "WECHATPAY2-SHA256-RSA2048".to_owned()),
    ]);
}

fn leave_out_state(body: &mut Vec<u8>) {
    if let Ok(Value::Object(mut told)) = serde_json::from_slice(body) {
        told.retain(|name, _| !["trade_state", "status"].contains(&name.as_str()));
        *body = Value::Object(told).to_string().into_bytes();
    }
}

/// What `WeChat Pay` signs on answers and notifications: three lines, the last one closed too.
pub(in crate::simulator) fn signed_message(timestamp: &str, nonce: &str, body: &[u8]) -> Vec<u8> {
    let mut message = Vec::with_capacity(body.len() + 64);
    for line in [timestamp.as_bytes(), nonce.as_bytes(), body] {
        message.extend_from_slice(line);
        message.push(b'\n');
    }
    message
}
