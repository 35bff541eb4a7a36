//! `GET /phone`: a phone in the browser. Its files are part of the binary.

use actix_web::HttpResponse;
use actix_web::web::{self, Path, ServiceConfig};

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// Path below `/phone`, content type, text.
const FILES: &[(&str, &str, &str)] = &[
    ("", HTML, include_str!("phone/index.html")),
    ("phone.css", CSS, include_str!("phone/phone.css")),
    ("phone.js", JAVASCRIPT, include_str!("phone/phone.js")),
];

/// The page may load and call this origin alone.
const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; img-src 'self' data: http: https:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'";

/// Puts the page into the server.
pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .route("/", web::get().to(redirect))
        .route("/phone", web::get().to(|| async { file("") }))
        .route(
            "/phone/{path:.*}",
            web::get().to(|path: Path<String>| async move { file(&path) }),
        );
}

async fn redirect() -> HttpResponse {
    HttpResponse::Found()
        .insert_header(("location", "/phone"))
        .finish()
}

fn file(path: &str) -> HttpResponse {
    let Some((_, content_type, text)) = FILES.iter().find(|(known, ..)| *known == path) else {
        return HttpResponse::NotFound().finish();
    };
    HttpResponse::Ok()
        .insert_header(("content-type", *content_type))
        .insert_header(("content-security-policy", CONTENT_SECURITY_POLICY))
        .insert_header(("cache-control", "no-cache"))
        .insert_header(("x-content-type-options", "nosniff"))
        .body(*text)
}
