//! Who calls: the bearer of a session token.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};

use crate::error::{AppError, ErrorCode};
use crate::http::{Shell, bearer_token, precedence};
use crate::service::Context;
use crate::service::login::session::{self, LiveSession};
use crate::service::login::token::TokenSubject;
use crate::telemetry;

/// A live session. A handler with this argument is for users alone.
#[derive(Debug)]
pub struct Caller(pub Arc<LiveSession>);

/// What a valid token says, its session not yet looked at: for handlers whose own statement does.
#[derive(Debug)]
pub struct TokenBearer(pub TokenSubject);

impl TokenBearer {
    /// What was read of the request. Where something is wrong with it, its statement is never made; so the session is
    /// looked at here, and that it is over comes first.
    pub(super) async fn comes_first<T>(
        &self,
        context: &Context,
        read: Result<T, AppError>,
    ) -> Result<T, AppError> {
        if read.is_err() {
            session::authenticate(context, &self.0).await?;
        }
        read
    }
}

impl FromRequest for TokenBearer {
    type Error = AppError;
    type Future = std::future::Ready<Result<Self, AppError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        std::future::ready(subject(request).map(Self))
    }
}

impl FromRequest for Caller {
    type Error = AppError;
    type Future = Pin<Box<dyn Future<Output = Result<Self, AppError>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let subject = subject(request);
        let context = context(request);
        let look = precedence::look(request);
        Box::pin(async move {
            let session = session::authenticate(&*context?, &subject?).await?;
            drop(look);
            Ok(Self(session))
        })
    }
}

fn context(request: &HttpRequest) -> Result<web::Data<Context>, AppError> {
    request
        .app_data::<web::Data<Context>>()
        .cloned()
        .ok_or_else(|| AppError::new(ErrorCode::Internal))
}

/// Reads the token and takes one of the session's requests.
fn subject(request: &HttpRequest) -> Result<TokenSubject, AppError> {
    let context = context(request)?;
    let subject = session::read_token(&context, bearer_token(request.headers())?)?;
    telemetry::note_user(subject.user_id);
    if let Some(shell) = request.app_data::<web::Data<Shell>>() {
        shell.limits.session(subject.session_id)?;
    }
    Ok(subject)
}
