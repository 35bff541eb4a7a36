//! Bearer tokens: reading one from a request, and the two fixed ones of operator and neighbours.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

use super::shell::Shell;
use crate::error::{AppError, ErrorCode};

/// The token of `Authorization: Bearer TOKEN`.
///
/// # Errors
/// `unauthenticated` when there is none, another scheme, or more than one header.
pub fn bearer_token(headers: &HeaderMap) -> Result<&str, AppError> {
    let refuse = || AppError::new(ErrorCode::Unauthenticated);
    let mut lines = headers.get_all(AUTHORIZATION);
    let line = lines
        .next()
        .and_then(|line| line.to_str().ok())
        .ok_or_else(refuse)?;
    let (scheme, token) = line.split_once(' ').ok_or_else(refuse)?;
    let token = token.trim();
    if lines.next().is_some() || !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() {
        return Err(refuse());
    }
    Ok(token)
}

/// Proof that the request carries `ADMIN_TOKEN`.
#[derive(Clone, Copy, Debug)]
pub struct Admin(());

/// Proof that the request carries `INTERNAL_TOKEN`. Without that setting there is no such route.
#[derive(Clone, Copy, Debug)]
pub struct Internal(());

impl FromRequest for Admin {
    type Error = AppError;
    type Future = Ready<Result<Self, AppError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let wanted = shell(request).map(|shell| &shell.admin_token);
        ready(wanted.and_then(|wanted| check(request, wanted)).map(Self))
    }
}

impl FromRequest for Internal {
    type Error = AppError;
    type Future = Ready<Result<Self, AppError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let checked = shell(request).and_then(|shell| {
            let wanted = shell.internal_token.as_ref();
            let wanted = wanted.ok_or_else(|| AppError::new(ErrorCode::RouteNotFound))?;
            check(request, wanted)?;
            // After the token, so that nobody else uses up the allowance.
            shell.limits.internal()
        });
        ready(checked.map(Self))
    }
}

fn shell(request: &HttpRequest) -> Result<&Data<Shell>, AppError> {
    request
        .app_data::<Data<Shell>>()
        .ok_or_else(|| AppError::internal("the server was built without its shell"))
}

fn check(request: &HttpRequest, wanted: &SecretString) -> Result<(), AppError> {
    let given = bearer_token(request.headers())?;
    let is_equal = given.as_bytes().ct_eq(wanted.expose_secret().as_bytes());
    if bool::from(is_equal) {
        Ok(())
    } else {
        Err(AppError::new(ErrorCode::Unauthenticated))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    #[test]
    fn a_bearer_token_stands_alone_behind_its_scheme() {
        let read = |lines: &[&str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(AUTHORIZATION, HeaderValue::from_str(line).unwrap());
            }
            bearer_token(&headers).map(str::to_owned).ok()
        };
        assert_eq!(read(&["Bearer abc"]).as_deref(), Some("abc"));
        assert_eq!(read(&["bearer  abc "]).as_deref(), Some("abc"));
        for lines in [
            &[][..],
            &["abc"],
            &["Basic abc"],
            &["Bearer "],
            &["Bearer abc", "Bearer abc"],
        ] {
            assert_eq!(read(lines), None, "{lines:?}");
        }
    }
}
