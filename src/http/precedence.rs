//! Which refusal comes first: that a session is over, before anything that is wrong with the request.
//!
//! The arguments of a handler are read side by side, and the first refusal that comes up is the answer.
//! The look at the session takes a round trip, the others do not; so a page whose session is over would
//! hear of a missing header, and not that it has to log in again.

use std::future::{Ready, ready};

use actix_web::{HttpMessage as _, HttpRequest};
use futures_util::future::{Either, LocalBoxFuture};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::error::AppError;

/// The look at the session of a request, while it lasts.
#[derive(Clone, Debug)]
struct Look(CancellationToken);

/// Whether an argument that is read at once is there, told in its turn.
pub(super) type InTurn<T> = Either<Ready<Result<T, AppError>>, LocalBoxFuture<'static, Result<T, AppError>>>;

/// Has later refusals of this request wait until the guard is gone.
pub(super) fn look(request: &HttpRequest) -> DropGuard {
    let over = CancellationToken::new();
    request.extensions_mut().insert(Look(over.clone()));
    over.drop_guard()
}

/// An argument that was read at once. Only a refusal waits.
pub(super) fn in_turn<T: 'static>(request: &HttpRequest, read: Result<T, AppError>) -> InTurn<T> {
    match read {
        Ok(value) => Either::Left(ready(Ok(value))),
        Err(error) => {
            let turn = turn(request);
            Either::Right(Box::pin(async move {
                turn.await;
                Err(error)
            }))
        }
    }
}

/// Waits for the look at the session, if there is one under way.
pub(super) fn turn(request: &HttpRequest) -> impl Future<Output = ()> + use<> {
    let look = request.extensions().get::<Look>().cloned();
    async move {
        if let Some(Look(over)) = look {
            over.cancelled_owned().await;
        }
    }
}
