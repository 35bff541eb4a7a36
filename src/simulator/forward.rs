//! `/phone/request/{path…}`: what `wx.request` is. The phone's own stack sends, so no page needs CORS.
//!
//! Sends to the one server the simulator was started for, and nowhere else.

use actix_web::http::{StatusCode, header};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::json;
use url::Url;

use super::state::Shared;

/// Bodies that a phone sends, in bytes: `wx.uploadFile` included.
pub(super) const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Where the forwarded part of the path begins.
pub(super) const PREFIX: &str = "/phone/request";
/// Tells the page that no answer came, which `wx.request` reports as a failure.
const NO_ANSWER: &str = "x-phone-error";

/// Request headers that a mini program may set and the server looks at.
const SENT: [&str; 6] = [
    "accept",
    "authorization",
    "content-type",
    "idempotency-key",
    "if-match",
    "if-none-match",
];
/// Answer headers that belong to the connection, or that a phone does not show to a page.
const WITHHELD: [&str; 7] = [
    "connection",
    "content-length",
    "date",
    "keep-alive",
    "set-cookie",
    "transfer-encoding",
    "upgrade",
];

/// Sends the phone's request on to the server and its answer back.
pub(super) async fn forward(shared: Data<Shared>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let Some(server_url) = &shared.server_url else {
        return unanswered("the simulator was started without a server");
    };
    let url = target(server_url, &request);
    let Ok(method) = reqwest::Method::from_bytes(request.method().as_str().as_bytes()) else {
        return unanswered("unknown method");
    };
    let mut forwarded = shared.client.request(method, url).body(body);
    for name in SENT {
        if let Some(value) = request.headers().get(name) {
            forwarded = forwarded.header(name, value.as_bytes());
        }
    }
    match forwarded.send().await {
        Ok(answer) => passed_on(answer),
        Err(error) if error.is_timeout() => unanswered("the server did not answer in time"),
        Err(_) => unanswered("the server cannot be reached"),
    }
}

/// The server's address with the rest of the path and the query as they were sent.
fn target(server_url: &Url, request: &HttpRequest) -> Url {
    let uri = &request.head().uri;
    let mut url = server_url.clone();
    url.set_path(uri.path().strip_prefix(PREFIX).unwrap_or_default());
    url.set_query(uri.query());
    url
}

fn passed_on(answer: reqwest::Response) -> HttpResponse {
    let status = StatusCode::from_u16(answer.status().as_u16()).unwrap_or(StatusCode::BAD_GATEWAY);
    let mut response = HttpResponse::build(status);
    for (name, value) in answer.headers() {
        if !WITHHELD.contains(&name.as_str()) {
            response.append_header((name.as_str(), value.as_bytes()));
        }
    }
    response.insert_header((header::CACHE_CONTROL, "no-store"));
    match answer.content_length() {
        Some(0) => response.finish(),
        _ => response.streaming(answer.bytes_stream()),
    }
}

fn unanswered(message: &'static str) -> HttpResponse {
    HttpResponse::BadGateway()
        .insert_header((NO_ANSWER, message))
        .json(json!({ "code": "no_answer", "message": message }))
}
