//! Who sends a request to `WeChat Pay`, and whether the signature holds.

use std::sync::Arc;

use base64::prelude::{BASE64_STANDARD, Engine};

use super::answer::Refusal;
use crate::simulator::call::Call;
use crate::simulator::key::Signer;
use crate::simulator::state::Shared;

const SCHEME: &str = "WECHATPAY2-SHA256-RSA2048 ";
/// How far the request's clock may be off, either way.
const WINDOW_S: u64 = 300;

/// The parts of the `Authorization` header.
#[derive(Debug, Default, PartialEq, Eq)]
struct Authorization<'a> {
    mch_id: &'a str,
    nonce: &'a str,
    signature: &'a str,
    timestamp: &'a str,
    serial: &'a str,
}

impl<'a> Authorization<'a> {
    /// Five values in double quotes, in any order, each exactly once, commas without spaces between.
    fn parse(header: &'a str) -> Result<Self, &'static str> {
        let fields = header
            .strip_prefix(SCHEME)
            .ok_or("the scheme is WECHATPAY2-SHA256-RSA2048")?;
        let mut parsed = Self::default();
        for field in fields.split(',') {
            let (name, quoted) = field.split_once('=').ok_or("a value without a name")?;
            let value = quoted
                .strip_prefix('"')
                .and_then(|rest| rest.strip_suffix('"'))
                .filter(|value| !value.is_empty() && !value.contains('"'))
                .ok_or("a value without quotes, or empty")?;
            let place = match name {
                "mchid" => &mut parsed.mch_id,
                "nonce_str" => &mut parsed.nonce,
                "signature" => &mut parsed.signature,
                "timestamp" => &mut parsed.timestamp,
                "serial_no" => &mut parsed.serial,
                _ => return Err("a value with an unknown name"),
            };
            if !place.is_empty() {
                return Err("a value comes twice");
            }
            *place = value;
        }
        let all = [
            parsed.mch_id,
            parsed.nonce,
            parsed.signature,
            parsed.timestamp,
            parsed.serial,
        ];
        if all.iter().any(|value| value.is_empty()) {
            Err("a value is missing")
        } else {
            Ok(parsed)
        }
    }
}

/// Lets a request pass whose headers are as they must be and whose signature holds, and returns the
/// key that its answer is to be signed with.
pub(super) fn check(shared: &Shared, call: &Call) -> Result<Arc<Signer>, Refusal> {
    check_headers(call)?;
    let header = call
        .header("authorization")
        .map_err(|()| Refusal::signature("Authorization comes twice"))?;
    let header = header.ok_or_else(|| Refusal::signature("Authorization is missing"))?;
    let authorization = Authorization::parse(header).map_err(Refusal::signature)?;
    check_signature(shared, call, &authorization)?;
    let wanted = call
        .header("wechatpay-serial")
        .map_err(|()| Refusal::header("Wechatpay-Serial", "comes twice"))?;
    shared
        .step(|world, _| world.keys.answer_signer(wanted))
        .ok_or_else(|| Refusal::header("Wechatpay-Serial", "no such key of WeChat Pay for this merchant"))
}

fn check_headers(call: &Call) -> Result<(), Refusal> {
    let text = |name: &'static str| {
        call.header(name)
            .map_err(|()| Refusal::header(name, "comes twice"))
    };
    if text("user-agent")?.is_none_or(str::is_empty) {
        return Err(Refusal::invalid_request("the header User-Agent is missing"));
    }
    let accepts = text("accept")?.unwrap_or_default();
    if !accepts.contains("application/json") && !accepts.contains("*/*") {
        return Err(Refusal::invalid_request(
            "the header Accept must allow application/json",
        ));
    }
    let is_json = text("content-type")?.is_some_and(|kind| kind.starts_with("application/json"));
    if !call.body.is_empty() && !is_json {
        return Err(Refusal::header("Content-Type", "must be application/json"));
    }
    Ok(())
}

fn check_signature(shared: &Shared, call: &Call, authorization: &Authorization) -> Result<(), Refusal> {
    let merchant = &shared.merchant;
    if authorization.mch_id != merchant.mch_id {
        return Err(Refusal::unknown_merchant());
    }
    let timestamp: i64 = authorization
        .timestamp
        .parse()
        .map_err(|_| Refusal::signature("the timestamp is no number of seconds"))?;
    if timestamp.abs_diff(shared.clock.now().timestamp()) > WINDOW_S {
        return Err(Refusal::signature("the timestamp is more than five minutes off"));
    }
    if authorization.nonce.chars().count() > 32 {
        return Err(Refusal::signature("the nonce is longer than 32 characters"));
    }
    if authorization.serial != merchant.cert_serial {
        return Err(Refusal::signature(
            "no certificate of this merchant has this serial number",
        ));
    }
    let signature = BASE64_STANDARD
        .decode(authorization.signature)
        .map_err(|_| Refusal::signature("the signature is not base64"))?;
    let head = format!(
        "{}\n{}\n{}\n{}\n",
        call.method, call.target, authorization.timestamp, authorization.nonce
    );
    let message = [head.as_bytes(), &call.body, b"\n"].concat();
    if merchant.verifier.is_signed(&message, &signature) {
        Ok(())
    } else {
        Err(Refusal::signature(format!(
            "it does not fit {} {} with a body of {} bytes",
            call.method,
            call.path,
            call.body.len()
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::Authorization;

    const GOOD: &str =
        r#"WECHATPAY2-SHA256-RSA2048 mchid="1",serial_no="2",nonce_str="3",timestamp="4",signature="5==""#;

    #[test]
    fn header_is_read_in_any_order() {
        let parsed = Authorization::parse(GOOD).unwrap();
        let expected = Authorization {
            mch_id: "1",
            serial: "2",
            nonce: "3",
            timestamp: "4",
            signature: "5==",
        };
        assert_eq!(parsed, expected);
    }

    #[test]
    fn sloppy_headers_are_refused() {
        for (from, to) in [
            ("WECHATPAY2", "wechatpay2"),
            ("RSA2048 ", "RSA2048"),
            (",serial", ", serial"),
            (r#""2""#, "2"),
            (r#""2""#, r#""""#),
            (r#",timestamp="4""#, ""),
            (r#"timestamp="4""#, r#"timestamp="4",timestamp="4""#),
            (r#"mchid="1""#, r#"mchid="1",x="1""#),
            (r#""5==""#, r#""5==" "#),
        ] {
            let header = GOOD.replacen(from, to, 1);
            assert_ne!(header, GOOD);
            assert!(Authorization::parse(&header).is_err(), "{header}");
        }
    }
}
