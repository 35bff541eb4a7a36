//! The gate that every request passes: id, record, bound on requests in hand, panics, the last
//! word on the shape of an error, headers, metrics and the one log line.

use std::cell::OnceCell;
use std::future::{Future, Ready, ready};
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{
    Payload, ResourceMap, Service, ServiceRequest, ServiceResponse, Transform, forward_ready,
};
use actix_web::error::InternalError;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{ConnectionType, Method, StatusCode};
use actix_web::web::Data;
use actix_web::{Error, HttpRequest, HttpResponse};
use futures_util::FutureExt as _;
use tracing::Instrument as _;

use super::connection::{InHand, Sent};
use super::lane::{Lane, Ticket};
use super::pace::Pace;
use super::shell::Shell;
use super::{callback, problem};
use crate::error::{AppError, ErrorCode};
use crate::service;
use crate::telemetry::{self, Exchange, RequestRecord};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Marks an answer that was made elsewhere and is handed on: it is data, and no refusal of ours.
#[derive(Clone, Copy, Debug)]
pub(super) struct HandedOn;

/// Wraps the whole application.
#[derive(Clone, Debug)]
pub(super) struct Gate(pub(super) Data<Shell>);

impl<S, B> Transform<S, ServiceRequest> for Gate
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + Unpin + 'static,
{
    type Response = ServiceResponse<Sent<EitherBody<B>>>;
    type Error = Error;
    type Transform = GateService<S>;
    type InitError = ();
    type Future = Ready<Result<Self::Transform, ()>>;

    fn new_transform(&self, inner: S) -> Self::Future {
        ready(Ok(GateService {
            inner: Rc::new(inner),
            shell: self.0.clone(),
            patterns: OnceCell::new(),
            pace: Rc::new(Pace::new(self.0.bounds.refusals_per_s, Instant::now())),
        }))
    }
}

/// The gate of one worker thread.
#[derive(Debug)]
pub(super) struct GateService<S> {
    inner: Rc<S>,
    shell: Data<Shell>,
    /// Those of all routes, as the first request showed them: the request itself goes to its handler
    /// and may not come back.
    patterns: OnceCell<Rc<ResourceMap>>,
    pace: Rc<Pace>,
}

impl<S> GateService<S> {
    /// Finds the pattern of a request's route, later.
    fn route(&self, request: &ServiceRequest) -> impl Fn() -> Option<String> + use<S> {
        let patterns = self
            .patterns
            .get_or_init(|| Rc::new(request.resource_map().clone()));
        let (patterns, path) = (Rc::clone(patterns), path(request.request()).to_owned());
        move || patterns.match_pattern(&path)
    }
}

type Answer<B> = Result<ServiceResponse<Sent<EitherBody<B>>>, Error>;

impl<S, B> Service<ServiceRequest> for GateService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error> + 'static,
    B: MessageBody + Unpin + 'static,
{
    type Response = ServiceResponse<Sent<EitherBody<B>>>;
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Answer<B>>>>;

    forward_ready!(inner);

    fn call(&self, mut request: ServiceRequest) -> Self::Future {
        let started = Instant::now();
        let shell = self.shell.clone();
        let id = shell.entropy.uuid(shell.clock.now()).unwrap_or_default();
        let record = RequestRecord::new(id);
        let method = request.method().clone();
        if method == Method::HEAD {
            // Whatever can be got can be asked about. The encoder leaves the body out.
            request.head_mut().method = Method::GET;
        }
        let lane = Lane::of(path(request.request()));
        let entry = enter(&shell, lane, path(request.request()));
        let in_hand = InHand::begin(&request);
        let route = self.route(&request);
        let exchange = Exchange::begin(method_name(&method), started, Arc::clone(&record), route);
        let inner = Rc::clone(&self.inner);
        let token = shell.in_hand.token();
        let has_body = has_body(&request);
        let pace = Rc::clone(&self.pace);
        Box::pin(async move {
            let span = exchange.span();
            let handled =
                telemetry::scope(record, handle(inner, request, (lane, entry), &method)).instrument(span);
            let mut answer = handled.await;
            if has_body && may_be_unread(status(&answer)) {
                // A body that came along with its head is decoded meanwhile, and its connection need not end.
                tokio::task::yield_now().await;
            }
            finish(&mut answer, exchange, &shell);
            drop(token);
            answer
                .map(|response| {
                    let rest = rest(&response, &pace);
                    response.map_body(|_, body| {
                        let body = Sent::new(body, in_hand);
                        match rest {
                            Some(rest) => body.then_rest(rest),
                            None => body,
                        }
                    })
                })
                .map_err(|response| InternalError::from_response("panic", *response).into())
        })
    }
}

/// Whether a body of a length that was told follows. What is left of one in chunks the web server reads itself.
fn has_body(request: &ServiceRequest) -> bool {
    let (head, payload) = request.parts();
    head.headers().contains_key(header::CONTENT_LENGTH) && !matches!(payload, Payload::None)
}

/// Whether a request may have been refused before its body was looked at; not for what is wrong with the body.
fn may_be_unread(status: StatusCode) -> bool {
    status.as_u16() > 400
        && !matches!(
            status,
            StatusCode::REQUEST_TIMEOUT | StatusCode::PAYLOAD_TOO_LARGE
        )
}

fn status<B>(answer: &Result<ServiceResponse<B>, Box<HttpResponse>>) -> StatusCode {
    match answer {
        Ok(response) => response.status(),
        Err(response) => response.status(),
    }
}

/// For how long a connection rests after an answer that tells its client to come again later. One that ends does not:
/// there are clients who wait for its end.
fn rest<B>(response: &ServiceResponse<B>, pace: &Pace) -> Option<Duration> {
    let asked = response.request().head().connection_type();
    let is_kept = asked == ConnectionType::KeepAlive && response.response().head().keep_alive();
    let is_refusal = response.headers().contains_key(header::RETRY_AFTER);
    (is_kept && is_refusal)
        .then(|| pace.rest(Instant::now()))
        .flatten()
}

/// Runs the application. The error is the answer to a panic, for which no request is left.
async fn handle<S, B>(
    inner: Rc<S>,
    request: ServiceRequest,
    (lane, entry): (Lane, Result<Ticket, AppError>),
    method: &Method,
) -> Result<ServiceResponse<EitherBody<B>>, Box<HttpResponse>>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody + 'static,
{
    let ticket = match entry {
        Ok(ticket) => ticket,
        Err(error) => {
            let answer = refusal(path(request.request()), &error);
            return Ok(request.into_response(answer).map_into_right_body());
        }
    };
    let work = service::for_request(
        lane.is_queueing(),
        ticket,
        async move { inner.call(request).await },
    );
    let work = AssertUnwindSafe(work);
    match work.catch_unwind().await {
        Ok(Ok(response)) => Ok(reshape(response, method)),
        // Nothing in the application fails without a response; if it did, it would be our defect.
        Ok(Err(error)) => Err(Box::new(problem::response(&AppError::internal(
            error.to_string(),
        )))),
        Err(_) => Err(Box::new(problem::response(&AppError::internal(
            "a handler panicked",
        )))),
    }
}

/// The path as the router compares it, where `%66` is an `f` as well.
fn path(request: &HttpRequest) -> &str {
    request.match_info().as_str()
}

/// Lets a request in, or turns it away before anything is done for it.
fn enter(shell: &Shell, lane: Lane, path: &str) -> Result<Ticket, AppError> {
    // Without its token there is no such tree: not even the methods of its routes are told.
    if shell.internal_token.is_none() && path.starts_with("/internal/") {
        return Err(AppError::new(ErrorCode::RouteNotFound));
    }
    shell.lanes.enter(lane).map_err(|bound| {
        bound.count();
        AppError::new(ErrorCode::Unavailable).detail("The server is at its limit of requests in hand.")
    })
}

/// A refusal in the form that its caller reads.
fn refusal(path: &str, error: &AppError) -> HttpResponse {
    if path.starts_with("/wechat/") {
        callback::failure(error)
    } else {
        problem::response(error)
    }
}

/// Gives an error that was not made by [`problem`] the one shape. Left alone are answers that chose
/// a body or a content type of their own, such as WeChat's failure form, and those that are [`HandedOn`].
fn reshape<B: MessageBody + 'static>(
    response: ServiceResponse<B>,
    method: &Method,
) -> ServiceResponse<EitherBody<B>> {
    if response.response().extensions().contains::<HandedOn>() {
        return response.map_into_left_body();
    }
    let status = response.status();
    let path = path(response.request());
    let allow = response.headers().get(header::ALLOW).cloned();
    if status == StatusCode::METHOD_NOT_ALLOWED {
        let allow = allow.as_ref().map(complete_allow);
        let answer = refuse_method(method, path, allow);
        return response.into_response(answer).map_into_right_body();
    }
    let is_stranger = match response.response().error() {
        Some(error) => match error.as_error::<AppError>() {
            // What is refused behind a route has its form already; that there is none, WeChat hears in its own.
            Some(error) => error.code() == ErrorCode::RouteNotFound && path.starts_with("/wechat/"),
            None => true,
        },
        None => status == StatusCode::NOT_FOUND && !response.headers().contains_key(header::CONTENT_TYPE),
    };
    if status.as_u16() < 400 || !is_stranger {
        return response.map_into_left_body();
    }
    let answer = refusal(path, &problem::of_status(status));
    response.into_response(answer).map_into_right_body()
}

/// `HEAD` goes wherever `GET` goes, and `OPTIONS` everywhere.
fn complete_allow(allow: &HeaderValue) -> HeaderValue {
    let mut methods = allow.to_str().unwrap_or_default().to_owned();
    if methods.split(", ").any(|method| method == "GET") && !methods.contains("HEAD") {
        methods.push_str(", HEAD");
    }
    if !methods.contains("OPTIONS") {
        methods.push_str(", OPTIONS");
    }
    HeaderValue::from_str(&methods).unwrap_or_else(|_| allow.clone())
}

fn refuse_method(method: &Method, path: &str, allow: Option<HeaderValue>) -> HttpResponse {
    let mut response = if method == Method::OPTIONS && allow.is_some() {
        HttpResponse::NoContent().finish()
    } else {
        refusal(path, &AppError::new(ErrorCode::MethodNotAllowed))
    };
    if let Some(allow) = allow {
        response.headers_mut().insert(header::ALLOW, allow);
    }
    response
}

fn finish<B>(
    answer: &mut Result<ServiceResponse<EitherBody<B>>, Box<HttpResponse<BoxBody>>>,
    exchange: Exchange<impl Fn() -> Option<String>>,
    shell: &Shell,
) {
    let is_stopping = shell.is_stopping();
    let id = exchange.id();
    match answer {
        Ok(response) => {
            let status = response.status().as_u16();
            dress(response.headers_mut(), id);
            if is_stopping {
                close(response.response_mut());
            }
            exchange.end(response.request().match_pattern().as_deref(), status);
        }
        Err(response) => {
            dress(response.headers_mut(), id);
            exchange.break_off(response.status().as_u16());
        }
    }
}

/// While the server stops, no connection is kept for another request.
fn close<B>(response: &mut HttpResponse<B>) {
    response.head_mut().set_connection_type(ConnectionType::Close);
}

fn dress(headers: &mut HeaderMap, id: uuid::Uuid) {
    let mut buffer = uuid::Uuid::encode_buffer();
    if let Ok(id) = HeaderValue::from_str(id.hyphenated().encode_lower(&mut buffer)) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}

/// A label of bounded variety: clients make methods up.
fn method_name(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "OTHER",
    }
}
