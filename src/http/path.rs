//! The id in a path. What cannot be an id names nothing, so it is answered like an unknown one.

use std::borrow::Cow;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use percent_encoding::percent_decode_str;
use uuid::Uuid;

use super::precedence::{InTurn, in_turn};
use crate::domain::id::{
    AttemptId, ContentCheckId, DocumentId, EventId, ExceptionId, FileId, NotificationId, OrderId,
    ReconciliationId, RefundId, SessionId, UserId,
};
use crate::domain::name::{AppId, CollectionName, FunctionName, ProductId};
use crate::error::{AppError, ErrorCode};

/// Something that a path can name.
pub trait PathPart: Sized {
    /// The code for an id that names nothing.
    const MISSING: ErrorCode = ErrorCode::NotFound;

    /// The name of the path's part, as in `/{id}`.
    const NAME: &'static str = "id";

    /// The value of the decoded part, or `None` when it cannot be one.
    fn parse(text: &str) -> Option<Self>;
}

/// A part of the path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathId<T>(pub T);

impl<T: PathPart + 'static> FromRequest for PathId<T> {
    type Error = AppError;
    type Future = InTurn<Self>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let part = request.match_info().get(T::NAME).unwrap_or_default();
        let decoded: Option<Cow<'_, str>> = percent_decode_str(part).decode_utf8().ok();
        let found = decoded.and_then(|part| T::parse(&part));
        in_turn(request, found.map(Self).ok_or_else(|| AppError::new(T::MISSING)))
    }
}

/// Only the usual form with four hyphens; the others that the parser knows are nobody's ids.
fn uuid(text: &str) -> Option<Uuid> {
    (text.len() == 36).then(|| Uuid::try_parse(text).ok()).flatten()
}

macro_rules! uuid_parts {
    ($($id:ty => $missing:ident),+ $(,)?) => {$(
        impl PathPart for $id {
            const MISSING: ErrorCode = ErrorCode::$missing;

            fn parse(text: &str) -> Option<Self> {
                uuid(text).map(Self::from)
            }
        }
    )+};
}

uuid_parts! {
    OrderId => OrderNotFound,
    UserId => NotFound,
    SessionId => NotFound,
    AttemptId => NotFound,
    NotificationId => NotFound,
    ExceptionId => NotFound,
    ReconciliationId => NotFound,
    RefundId => NotFound,
    EventId => NotFound,
    FileId => NotFound,
    ContentCheckId => NotFound,
    DocumentId => DocumentNotFound,
}

impl PathPart for ProductId {
    fn parse(text: &str) -> Option<Self> {
        Self::parse(text).ok()
    }
}

impl PathPart for CollectionName {
    const MISSING: ErrorCode = ErrorCode::CollectionNotFound;
    const NAME: &'static str = "name";

    fn parse(text: &str) -> Option<Self> {
        Self::parse(text).ok()
    }
}

impl PathPart for FunctionName {
    const NAME: &'static str = "name";

    fn parse(text: &str) -> Option<Self> {
        Self::parse(text).ok()
    }
}

impl PathPart for AppId {
    const NAME: &'static str = "app_id";

    fn parse(text: &str) -> Option<Self> {
        Self::parse(text).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;
    use futures_util::FutureExt as _;

    fn read<T: PathPart + 'static>(part: &'static str) -> Result<T, ErrorCode> {
        let request = TestRequest::default().param("id", part).to_http_request();
        let found = PathId::<T>::from_request(&request, &mut Payload::None)
            .now_or_never()
            .unwrap();
        found.map(|PathId(id)| id).map_err(|error| error.code())
    }

    #[test]
    fn only_the_usual_form_of_an_id_is_one() {
        assert!(read::<OrderId>("0190a5a0-0000-7000-8000-000000000001").is_ok());
        for wrong in [
            "",
            "1",
            "0190a5a000007000800000000000000100",
            "{0190a5a0-0000-7000-8000-00000000000}",
            "%ff",
        ] {
            assert_eq!(read::<OrderId>(wrong), Err(ErrorCode::OrderNotFound), "{wrong}");
        }
        assert_eq!(read::<UserId>("x"), Err(ErrorCode::NotFound));
    }

    #[test]
    fn a_name_is_decoded_before_it_is_judged() {
        assert_eq!(read::<ProductId>("tea%2Dgreen").unwrap().as_str(), "tea-green");
        assert_eq!(read::<ProductId>("a%2Fb"), Err(ErrorCode::NotFound));
    }
}
