//! The query string as a value.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use serde::de::DeserializeOwned;
use serde_path_to_error::Segment;

use super::json;
use super::precedence::{InTurn, in_turn};
use crate::error::AppError;

/// The query of a request. Whether unknown parameters are refused is decided by `T`.
///
/// Refuses with `validation_failed`, naming the parameter.
#[derive(Clone, Debug)]
pub struct Query<T>(pub T);

impl<T: DeserializeOwned + 'static> FromRequest for Query<T> {
    type Error = AppError;
    type Future = InTurn<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        in_turn(request, parse(request.query_string()).map(Self))
    }
}

fn parse<T: DeserializeOwned>(query: &str) -> Result<T, AppError> {
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        if name.contains('\0') || value.contains('\0') {
            return Err(AppError::field(
                name.replace('\0', ""),
                "characters",
                "holds the zero character",
            ));
        }
    }
    let pairs = serde_urlencoded::Deserializer::new(url::form_urlencoded::parse(query.as_bytes()));
    serde_path_to_error::deserialize(pairs).map_err(|error| {
        let name = error.path().iter().find_map(|segment| match segment {
            Segment::Map { key } => Some(format!("/{key}")),
            Segment::Seq { .. } | Segment::Enum { .. } | Segment::Unknown => None,
        });
        let mut field = json::describe(name.unwrap_or_default(), &error.inner().to_string());
        // A query has no pointers: its parameters have names.
        field.pointer = field.pointer.replace('/', "");
        if field.code == "format" {
            "has the wrong form".clone_into(&mut field.detail);
        }
        AppError::fields(vec![field])
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorCode;
    use serde::Deserialize;

    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Page {
        status: String,
        limit: Option<u32>,
    }

    #[test]
    fn parameters_are_read_or_named() {
        let page: Page = parse("status=a%20b&limit=5").unwrap();
        assert_eq!(
            page,
            Page {
                status: "a b".to_owned(),
                limit: Some(5)
            }
        );
        for (query, name, code) in [
            ("", "status", "required"),
            ("status=a&limit=many", "limit", "format"),
            ("status=a&limit=-1", "limit", "format"),
            ("status=a&status=b", "status", "duplicate"),
            ("status=a&page=2", "page", "unknown"),
            ("status=%00", "status", "characters"),
        ] {
            let error = parse::<Page>(query).unwrap_err();
            assert_eq!(error.code(), ErrorCode::ValidationFailed);
            let field = &error.field_errors()[0];
            assert_eq!((field.pointer.as_str(), field.code), (name, code), "{query}");
        }
    }
}
