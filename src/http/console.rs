//! `GET /admin/`: the operator's console. Its files are part of the binary.
//!
//! They hold no data and need no token: the page asks for it, and reads and acts through the routes of `/admin`
//! as any other client does.

use std::sync::LazyLock;

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETag, EntityTag, LOCATION, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use actix_web::web::{self, Bytes, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use aws_lc_rs::digest;

use super::condition;
use crate::error::{AppError, ErrorCode};

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SVG: &str = "image/svg+xml";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// The page itself.
const PAGE: File = ("", HTML, include_str!("console/index.html"));

/// Path below `/admin/console/`, content type, text.
type File = (&'static str, &'static str, &'static str);

#[rustfmt::skip]
const FILES: &[File] = &[
    ("api.js", JAVASCRIPT, include_str!("console/api.js")),
    ("console.css", CSS, include_str!("console/console.css")),
    ("console.js", JAVASCRIPT, include_str!("console/console.js")),
    ("dialog.js", JAVASCRIPT, include_str!("console/dialog.js")),
    ("dom.js", JAVASCRIPT, include_str!("console/dom.js")),
    ("format.js", JAVASCRIPT, include_str!("console/format.js")),
    ("icon.svg", SVG, include_str!("console/icon.svg")),
    ("money.js", JAVASCRIPT, include_str!("console/money.js")),
    ("part.js", JAVASCRIPT, include_str!("console/part.js")),
    ("texts.js", JAVASCRIPT, include_str!("console/texts.js")),
    ("view/events.js", JAVASCRIPT, include_str!("console/view/events.js")),
    ("view/exceptions.js", JAVASCRIPT, include_str!("console/view/exceptions.js")),
    ("view/health.js", JAVASCRIPT, include_str!("console/view/health.js")),
    ("view/notifications.js", JAVASCRIPT, include_str!("console/view/notifications.js")),
    ("view/order.js", JAVASCRIPT, include_str!("console/view/order.js")),
    ("view/orders.js", JAVASCRIPT, include_str!("console/view/orders.js")),
    ("view/products.js", JAVASCRIPT, include_str!("console/view/products.js")),
    ("view/reconciliations.js", JAVASCRIPT, include_str!("console/view/reconciliations.js")),
    ("view/refund.js", JAVASCRIPT, include_str!("console/view/refund.js")),
    ("view/shipment.js", JAVASCRIPT, include_str!("console/view/shipment.js")),
    ("view/users.js", JAVASCRIPT, include_str!("console/view/users.js")),
];

/// The page may load and call this origin alone, beside pictures of products, and nobody may frame it: a click
/// there can move money.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: https:; \
     connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// One for all files: they come from one binary, and change with it.
static TAG: LazyLock<EntityTag> = LazyLock::new(|| {
    let mut hash = digest::Context::new(&digest::SHA256);
    for (.., text) in FILES.iter().chain([&PAGE]) {
        hash.update(text.as_bytes());
    }
    EntityTag::new_strong(hex::encode(hash.finish()))
});

/// Mounts the page and its files, and nothing else below `/admin`.
pub(super) fn routes(config: &mut ServiceConfig) {
    config
        .service(web::resource("/admin").route(web::get().to(to_console)))
        .service(web::resource("/admin/").route(web::get().to(page)))
        .service(web::resource("/admin/console/{file:.*}").route(web::get().to(file)));
}

/// The page's links are relative to a folder.
async fn to_console() -> HttpResponse {
    HttpResponse::PermanentRedirect()
        .insert_header((LOCATION, "/admin/"))
        .finish()
}

async fn page(request: HttpRequest) -> HttpResponse {
    shown(&request, &PAGE)
}

async fn file(request: HttpRequest) -> Result<HttpResponse, AppError> {
    let wanted = request.match_info().query("file");
    let found = FILES.iter().find(|(path, ..)| *path == wanted);
    let found = found.ok_or_else(|| AppError::new(ErrorCode::RouteNotFound))?;
    Ok(shown(&request, found))
}

fn shown(request: &HttpRequest, (_, content_type, text): &File) -> HttpResponse {
    let has_it = condition::has_tag(request, &TAG) == Some(true);
    let mut response = if has_it {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    response
        .insert_header(ETag(TAG.clone()))
        .insert_header((CACHE_CONTROL, "no-cache"))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"));
    if has_it {
        return response.finish();
    }
    response
        .insert_header((CONTENT_TYPE, *content_type))
        .body(Bytes::from_static(text.as_bytes()))
}
