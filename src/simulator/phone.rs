//! `GET /phone`: a phone in the browser. Its files are part of the binary.

use actix_web::HttpResponse;
use actix_web::web::{self, Path, ServiceConfig};

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SVG: &str = "image/svg+xml";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

/// Path below `/phone`, content type, text.
const FILES: &[(&str, &str, &str)] = &[
    ("", HTML, include_str!("phone/index.html")),
    ("art.js", JAVASCRIPT, include_str!("phone/art.js")),
    ("control.js", JAVASCRIPT, include_str!("phone/control.js")),
    ("dom.js", JAVASCRIPT, include_str!("phone/dom.js")),
    ("format.js", JAVASCRIPT, include_str!("phone/format.js")),
    ("icon.svg", SVG, include_str!("phone/icon.svg")),
    ("panel.css", CSS, include_str!("phone/panel.css")),
    ("phone.css", CSS, include_str!("phone/phone.css")),
    ("phone.js", JAVASCRIPT, include_str!("phone/phone.js")),
    ("shop.css", CSS, include_str!("phone/shop.css")),
    ("texts.js", JAVASCRIPT, include_str!("phone/texts.js")),
    (
        "device/button.js",
        JAVASCRIPT,
        include_str!("phone/device/button.js"),
    ),
    (
        "device/cashier.js",
        JAVASCRIPT,
        include_str!("phone/device/cashier.js"),
    ),
    (
        "device/people.js",
        JAVASCRIPT,
        include_str!("phone/device/people.js"),
    ),
    (
        "device/route.js",
        JAVASCRIPT,
        include_str!("phone/device/route.js"),
    ),
    (
        "device/sheet.js",
        JAVASCRIPT,
        include_str!("phone/device/sheet.js"),
    ),
    ("device/wx.js", JAVASCRIPT, include_str!("phone/device/wx.js")),
    (
        "panel/events.js",
        JAVASCRIPT,
        include_str!("phone/panel/events.js"),
    ),
    (
        "panel/faults.js",
        JAVASCRIPT,
        include_str!("phone/panel/faults.js"),
    ),
    (
        "panel/journal.js",
        JAVASCRIPT,
        include_str!("phone/panel/journal.js"),
    ),
    ("panel/panel.js", JAVASCRIPT, include_str!("phone/panel/panel.js")),
    ("shop/cart.js", JAVASCRIPT, include_str!("phone/shop/cart.js")),
    ("shop/client.js", JAVASCRIPT, include_str!("phone/shop/client.js")),
    (
        "shop/confirm.js",
        JAVASCRIPT,
        include_str!("phone/shop/confirm.js"),
    ),
    ("shop/goods.js", JAVASCRIPT, include_str!("phone/shop/goods.js")),
    ("shop/me.js", JAVASCRIPT, include_str!("phone/shop/me.js")),
    ("shop/notes.js", JAVASCRIPT, include_str!("phone/shop/notes.js")),
    ("shop/order.js", JAVASCRIPT, include_str!("phone/shop/order.js")),
    ("shop/orders.js", JAVASCRIPT, include_str!("phone/shop/orders.js")),
    ("shop/pay.js", JAVASCRIPT, include_str!("phone/shop/pay.js")),
    (
        "shop/phone_number.js",
        JAVASCRIPT,
        include_str!("phone/shop/phone_number.js"),
    ),
    ("shop/result.js", JAVASCRIPT, include_str!("phone/shop/result.js")),
    ("shop/shop.js", JAVASCRIPT, include_str!("phone/shop/shop.js")),
    ("shop/steps.js", JAVASCRIPT, include_str!("phone/shop/steps.js")),
    ("shop/view.js", JAVASCRIPT, include_str!("phone/shop/view.js")),
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
