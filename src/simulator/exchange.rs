//! The way of every call through the simulated `WeChat`: faults, effect, signature, log, answer.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::http::StatusCode;
use actix_web::web::{self, Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use futures_util::StreamExt;
use tokio::sync::futures::Notified;

use super::call::{Call, Reply};
use super::clock::http_date;
use super::connection::Connection;
use super::fault::{Api, FaultBody, FaultKind, Struck};
use super::refund::RefundStatus;
use super::state::Shared;
use super::{log, mini, pay, rotation, slow_body};

/// What an API does with a call.
pub(super) type Handle = fn(&Shared, &Call) -> Reply;

/// Answers a call. The effect happens in one go, before anything is waited for: a client that goes
/// away undoes nothing.
pub(super) async fn answer(
    shared: Data<Shared>,
    api: Api,
    request: HttpRequest,
    body: Bytes,
    handle: Handle,
) -> HttpResponse {
    let started = Instant::now();
    // Known before anybody can see the call: who sees it may end its wait.
    let (struck, faults_changed) = shared.strike(api);
    let call = Arc::new(Call::new(&request, body, struck));
    let struck = &call.struck;
    let unanswered = FaultKind::NoAnswerBeforeAccepting;
    if let Some(ms) = struck.ms(unanswered, 0) {
        record(&shared, api, &call, None, started);
        wait(ms, struck.is_held(unanswered).then_some(faults_changed)).await;
        return cut(&request);
    }
    if struck.has(FaultKind::KeyRotation)
        && let Err(error) = rotation::rotate(&shared)
    {
        tracing::error!(%error, "no new platform certificate");
    }
    let (mut reply, error_after) = match forced(&shared, api, struck) {
        Some((error, false)) => (error, None),
        Some((error, true)) => (handled(&shared, api, &call, handle).await, Some(error)),
        None => (handled(&shared, api, &call, handle).await, None),
    };
    if struck.has(FaultKind::TokenDisplaced) {
        mini::token::displace_asked(&shared, &call);
    }
    for (kind, status) in [
        (FaultKind::RefundClosed, RefundStatus::Closed),
        (FaultKind::RefundAbnormal, RefundStatus::Abnormal),
    ] {
        if struck.has(kind) && reply.status == 200 {
            pay::refund::doom(&shared, &call, status);
        }
    }
    // What the API itself refuses had no effect that an error could hide.
    if let Some(error) = error_after.filter(|_| reply.error.is_none()) {
        reply = error;
    }
    pay::answer::seal(&shared, &mut reply, struck);
    reply.headers.push(("date", http_date(shared.clock.now())));
    let unanswered = FaultKind::NoAnswerAfterAccepting;
    if let Some(ms) = struck.ms(unanswered, 0) {
        record(&shared, api, &call, None, started);
        wait(ms, struck.is_held(unanswered).then_some(faults_changed)).await;
        return cut(&request);
    }
    record(&shared, api, &call, Some(&reply), started);
    let wait_ms = struck.ms(FaultKind::Delay, 1_000).unwrap_or(0).max(reply.wait_ms);
    if wait_ms > 0 {
        let is_held = struck.is_held(FaultKind::Delay);
        wait(wait_ms, is_held.then_some(faults_changed)).await;
    }
    respond(reply, struck.ms(FaultKind::SlowBody, 2_000))
}

/// What the API does. A bill is written once for its hash, which takes its time: not at the expense of other calls.
async fn handled(shared: &Data<Shared>, api: Api, call: &Arc<Call>, handle: Handle) -> Reply {
    if !api.is_bill() {
        return handle(shared, call);
    }
    let (shared, call) = (shared.clone(), Arc::clone(call));
    web::block(move || handle(&shared, &call))
        .await
        .unwrap_or_else(|_| pay::answer::failed())
}

/// The error that a fault gives in place of the API's answer, and whether the effect happens all the same.
fn forced(shared: &Shared, api: Api, struck: &Struck) -> Option<(Reply, bool)> {
    if let Some(fault) = struck.find(FaultKind::ServerError) {
        let form = fault.body.unwrap_or(FaultBody::Html);
        let (content_type, body) = form.content(fault.errcode.unwrap_or(-1));
        let reply = Reply {
            status: fault.status.unwrap_or(500),
            content_type: Some(content_type),
            body,
            error: Some("server_error".to_owned()),
            ..Reply::default()
        };
        return Some((reply, fault.is_accepted));
    }
    if let Some(fault) = struck.find(FaultKind::Errcode) {
        let reply = mini::answer::refused(shared, api, fault.errcode.unwrap_or(-1));
        return Some((reply, fault.is_accepted));
    }
    if struck.has(FaultKind::TokenStorm) {
        let reply = mini::answer::refused(shared, api, mini::answer::TOKEN_INVALID);
        return Some((reply, false));
    }
    struck.find(FaultKind::PayError).map(|fault| {
        let code = fault.code.clone().unwrap_or_else(|| "SYSTEM_ERROR".to_owned());
        let reply = pay::answer::forced(fault.status.unwrap_or(500), code);
        (reply, fault.is_accepted)
    })
}

fn record(shared: &Shared, api: Api, call: &Call, reply: Option<&Reply>, started: Instant) {
    shared.log.call(log::Call {
        sequence: 0,
        at: shared.clock.now(),
        api: Some(api),
        method: call.method.clone(),
        path: call.path.clone(),
        status: reply.map(|reply| reply.status),
        error: reply.and_then(|reply| reply.error.clone()),
        detail: reply.and_then(|reply| reply.detail.clone()),
        out_trade_no: reply
            .and_then(|reply| reply.out_trade_no.clone())
            .or_else(|| pay::order_number_of(api, call)),
        out_refund_no: pay::refund_number_of(api, call),
        faults: call.struck.kinds(),
        duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
    });
}

/// Waits so long; not longer than until the end of it comes, where there is one.
async fn wait(ms: u64, end: Option<Notified<'_>>) {
    let in_full = tokio::time::sleep(Duration::from_millis(ms));
    match end {
        Some(end) => tokio::select! {
            () = in_full => {}
            () = end => {}
        },
        None => in_full.await,
    }
}

/// Ends the connection without a byte of an answer.
fn cut(request: &HttpRequest) -> HttpResponse {
    if let Some(connection) = request.conn_data::<Connection>() {
        connection.cut();
    }
    HttpResponse::new(StatusCode::SERVICE_UNAVAILABLE)
}

/// Turns a reply into a response of the web framework.
fn respond(reply: Reply, slow_ms: Option<u64>) -> HttpResponse {
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = HttpResponse::build(status);
    for (name, value) in reply.headers {
        response.insert_header((name, value));
    }
    let Some(content_type) = reply.content_type else {
        return response.finish();
    };
    response.insert_header(("content-type", content_type));
    if let Some(download) = reply.download {
        let mut pieces = download.into_pieces();
        let slow = slow_ms.and_then(|ms| Some(slow_body::pieces(pieces.next()?, ms)));
        let slow = futures_util::stream::iter(slow).flatten();
        let rest = pieces.map(|piece| Ok(Bytes::from(piece)));
        return response.streaming(slow.chain(futures_util::stream::iter(rest)));
    }
    match slow_ms {
        Some(ms) => response.streaming(slow_body::pieces(reply.body, ms)),
        None => response.body(reply.body),
    }
}
