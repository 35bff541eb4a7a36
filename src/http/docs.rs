//! What the server says about itself: its API, browsable, its codes of errors, its metrics.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION,
};
use actix_web::web::{self, Bytes, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use utoipa_swagger_ui::Config;

use super::guard::Admin;
use super::openapi;
use super::shell::Shell;
use crate::domain::exception::ExceptionKind;
use crate::error::{AppError, ErrorCode};

/// The files of the browsable page come from the binary and change with it.
const AN_HOUR: (actix_web::http::header::HeaderName, &str) = (CACHE_CONTROL, "public, max-age=3600");

/// Nothing is loaded from elsewhere, so that the page works offline and can be made to do nothing
/// else. The page's own styles are inline.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// Made when somebody first asks, since most servers are never asked and it costs milliseconds and
/// memory. All who ask get the same bytes: anybody may ask, and take nothing of the answer. Seen outside only as an extractor's type.
pub(super) struct Documents {
    openapi: OnceLock<Bytes>,
    errors: OnceLock<Bytes>,
    swagger: Arc<Config<'static>>,
}

impl Documents {
    fn openapi(&self) -> Result<Bytes, AppError> {
        if let Some(text) = self.openapi.get() {
            return Ok(text.clone());
        }
        let text = openapi::document().to_pretty_json().map_err(AppError::internal)?;
        Ok(self.openapi.get_or_init(|| Bytes::from(text)).clone())
    }
}

/// Mounts `/openapi.json`, `/docs` and `/metrics`. Call it once and clone what it gives for each
/// worker thread.
pub fn routes() -> impl Fn(&mut ServiceConfig) + Clone + Send + 'static {
    let documents = Data::new(Documents {
        openapi: OnceLock::new(),
        errors: OnceLock::new(),
        swagger: Arc::new(Config::from("/openapi.json")),
    });
    move |config: &mut ServiceConfig| {
        config
            .app_data(documents.clone())
            .service(web::resource("/metrics").route(web::get().to(metrics)))
            .service(web::resource("/openapi.json").route(web::get().to(openapi_document)))
            .service(web::resource("/docs").route(web::get().to(to_docs)))
            .service(web::resource("/docs/errors").route(web::get().to(errors)))
            .service(web::resource("/docs/{file:.*}").route(web::get().to(page)));
    }
}

/// Prometheus' figures of this process.
#[utoipa::path(
    get,
    path = "/metrics",
    tag = "operation",
    security(("admin" = [])),
    responses(
        (status = 200, description = "Prometheus text format", content_type = "text/plain", body = String),
    ),
)]
pub(super) async fn metrics(_: Admin, shell: Data<Shell>) -> HttpResponse {
    if let Some(sample) = &shell.sampler {
        sample();
    }
    HttpResponse::Ok()
        .content_type("text/plain; version=0.0.4; charset=utf-8")
        .body(shell.metrics.render())
}

/// This document.
#[utoipa::path(
    get,
    path = "/openapi.json",
    tag = "operation",
    security(()),
    responses((status = 200, description = "OpenAPI 3.1", content_type = "application/json", body = Object)),
)]
pub(super) async fn openapi_document(documents: Data<Documents>) -> Result<HttpResponse, AppError> {
    let text = documents.openapi()?;
    Ok(HttpResponse::Ok().content_type("application/json").body(text))
}

/// The page's links are relative to a folder.
async fn to_docs() -> HttpResponse {
    HttpResponse::PermanentRedirect()
        .insert_header((LOCATION, "/docs/"))
        .finish()
}

async fn errors(documents: Data<Documents>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, "text/html; charset=utf-8"))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .body(documents.errors.get_or_init(|| Bytes::from(error_page())).clone())
}

async fn page(request: HttpRequest, documents: Data<Documents>) -> Result<HttpResponse, AppError> {
    let file = request.match_info().query("file");
    let found = utoipa_swagger_ui::serve(file, Arc::clone(&documents.swagger))
        .map_err(|error| AppError::internal(error.to_string()))?
        .ok_or_else(|| AppError::new(ErrorCode::RouteNotFound))?;
    let mut response = HttpResponse::Ok();
    response
        .insert_header((CONTENT_TYPE, found.content_type))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header(AN_HOUR);
    if found.gzpipped {
        response.insert_header((CONTENT_ENCODING, "gzip"));
    }
    Ok(response.body(match found.bytes {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => Bytes::from(bytes),
    }))
}

/// Where the `type` of a problem leads, and who names a wrong kind of exception is sent: the tables of `docs/errors.md` as a page.
fn error_page() -> String {
    let mut page = String::from(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>weir: error codes</title>\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <style>body{font:16px/1.5 system-ui;max-width:44rem;margin:2rem auto;padding:0 1rem}\
         :target{background:#fff3c4}h2{font-family:monospace;margin-bottom:0}</style>\
         <h1>Error codes</h1>",
    );
    for code in ErrorCode::ALL {
        let row = code.row();
        let retry = if row.is_retryable { ", may be repeated" } else { "" };
        // Writing to a `String` cannot fail. The table holds no character that HTML would read.
        write!(
            page,
            "<section id=\"{0}\"><h2>{0}</h2><p>{1}{retry}. <b>{2}.</b> {3}</p></section>",
            row.text, row.status, row.title, row.explanation
        )
        .unwrap_or_default();
    }
    page.push_str("<h1>Kinds of exceptions</h1>");
    for kind in ExceptionKind::ALL {
        write!(
            page,
            "<section id=\"{0}\"><h2>{0}</h2><p>{1}</p></section>",
            kind.as_str(),
            kind.explanation()
        )
        .unwrap_or_default();
    }
    page
}

#[cfg(test)]
mod tests {
    use actix_web::body::MessageBody as _;
    use actix_web::test::{TestRequest, call_service, init_service};

    use super::*;

    #[actix_web::test]
    async fn who_takes_nothing_of_a_page_holds_no_copy_of_it() {
        let app = init_service(actix_web::App::new().configure(routes())).await;
        for path in [
            "/openapi.json",
            "/docs/errors",
            "/docs/",
            "/docs/swagger-ui-bundle.js",
        ] {
            let answer = call_service(&app, TestRequest::get().uri(path).to_request()).await;
            let body = answer.into_body().try_into_bytes().unwrap();
            assert!(!body.is_empty() && !body.is_unique(), "{path}");
        }
    }

    #[test]
    fn the_page_of_codes_has_a_section_for_each() {
        let page = error_page();
        for code in ErrorCode::ALL {
            assert!(page.contains(&format!("id=\"{}\"", code.row().text)));
            assert!(!code.row().explanation.contains(['<', '>', '&']));
        }
        for kind in ExceptionKind::ALL {
            assert!(page.contains(&format!("id=\"{}\"", kind.as_str())));
            assert!(!kind.explanation().contains(['<', '>', '&']));
        }
    }
}
