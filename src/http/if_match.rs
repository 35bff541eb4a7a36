//! `If-Match`: the version that a document must still have.

use actix_web::dev::Payload;
use actix_web::http::header::IF_MATCH;
use actix_web::{FromRequest, HttpRequest};

use super::precedence::{InTurn, in_turn};
use crate::error::AppError;

/// The version of `If-Match: "VERSION"`; none without the header, or with `*`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IfMatch(pub Option<i64>);

impl FromRequest for IfMatch {
    type Error = AppError;
    type Future = InTurn<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        in_turn(request, read(request))
    }
}

fn read(request: &HttpRequest) -> Result<IfMatch, AppError> {
    let mut lines = request.headers().get_all(IF_MATCH);
    let Some(line) = lines.next() else {
        return Ok(IfMatch(None));
    };
    let text = line.to_str().unwrap_or_default().trim();
    if text == "*" && lines.next().is_none() {
        return Ok(IfMatch(None));
    }
    let version = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .filter(|digits| digits.bytes().all(|digit| digit.is_ascii_digit()))
        .and_then(|digits| digits.parse().ok())
        .filter(|_| lines.next().is_none());
    version
        .map(|version| IfMatch(Some(version)))
        .ok_or_else(|| AppError::field("If-Match", "format", "one version in quotes, such as \"3\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn a_version_stands_in_quotes() {
        let read = |value: &str| {
            read(
                &TestRequest::default()
                    .insert_header((IF_MATCH, value))
                    .to_http_request(),
            )
            .map(|version| version.0)
            .ok()
        };
        assert_eq!(read("\"3\""), Some(Some(3)));
        assert_eq!(read("*"), Some(None));
        for wrong in [
            "3",
            "W/\"3\"",
            "\"3\", \"4\"",
            "\"\"",
            "\"-1\"",
            "\"99999999999999999999\"",
            "",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        let none = super::read(&TestRequest::default().to_http_request()).unwrap();
        assert_eq!(none, IfMatch(None));
    }
}
