//! The OpenAPI 3.1 document: what is common to all routes, and the list of the handlers' own parts.

use utoipa::openapi::path::Operation;
use utoipa::openapi::response::{Response, ResponseBuilder};
use utoipa::openapi::schema::Ref;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, OpenApi as Document, PathItem, RefOr};
use utoipa::{Modify, OpenApi};

use super::{admin, callback, docs, problem, v1};

/// The security scheme of `/v1`.
pub const SESSION: &str = "session";
/// The security scheme of `/admin` and `/metrics`.
pub const ADMIN: &str = "admin";
/// The security scheme of `/internal`.
pub const INTERNAL: &str = "internal";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "weir",
        description = "The backend behind a WeChat mini program: login, payment and data.\n\n\
            Money is in integer fen, times are RFC 3339 in UTC, ids are UUID v7. An error is an \
            RFC 9457 problem whose `code` never changes; `/docs/errors` lists them all.",
    ),
    paths(
        v1::login::create_session,
        v1::session::read_session,
        v1::session::renew_session,
        v1::session::delete_session,
        v1::session::delete_sessions,
        v1::me::read_me,
        v1::me::change_me,
        v1::product::list_products,
        v1::product::read_product,
        v1::order::create_order,
        v1::order::list_orders,
        v1::order::read_order,
        v1::payment::create_payment,
        v1::order::sync_order,
        v1::order::close_order,
        callback::pay::receive_payment_notification,
        admin::health::read_health,
        admin::product::put_product,
        admin::product::delete_product,
        admin::health::read_liveness,
        admin::health::read_readiness,
        docs::metrics,
        docs::openapi_document,
    ),
    components(schemas(problem::Problem, problem::Field)),
    modifiers(&Security, &EveryRoute),
)]
struct Api;

struct Security;

impl Modify for Security {
    fn modify(&self, document: &mut Document) {
        let components = document.components.get_or_insert_default();
        for (name, format, description) in [
            (SESSION, Some("JWT"), "The token of `POST /v1/login`."),
            (ADMIN, None, "`ADMIN_TOKEN`."),
            (INTERNAL, None, "`INTERNAL_TOKEN`."),
        ] {
            let mut scheme = HttpBuilder::new()
                .scheme(HttpAuthScheme::Bearer)
                .description(Some(description));
            if let Some(format) = format {
                scheme = scheme.bearer_format(format);
            }
            components.add_security_scheme(name, SecurityScheme::Http(scheme.build()));
        }
    }
}

/// Routes that ask the database nothing.
const WITHOUT_DATABASE: [&str; 3] = ["/healthz", "/metrics", "/openapi.json"];

/// Adds what the shell and the extractors answer on any route of a kind, so that no handler has to
/// repeat it.
struct EveryRoute;

impl Modify for EveryRoute {
    fn modify(&self, document: &mut Document) {
        for (path, item) in &mut document.paths.paths {
            // WeChat's callbacks have a form of their own for a refusal, and say it themselves.
            let is_ours = !path.starts_with("/wechat/");
            for operation in operations(item) {
                describe_success(operation);
                if is_ours && operation.request_body.is_some() {
                    refuse(operation, "408", "request_timeout");
                    refuse(operation, "413", "payload_too_large");
                    refuse(operation, "415", "unsupported_media_type");
                }
                if is_ours && needs_session(operation) {
                    refuse(operation, "429", "rate_limited");
                }
                if is_ours && !WITHOUT_DATABASE.contains(&path.as_str()) {
                    refuse(operation, "503", "unavailable");
                }
            }
        }
    }
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem {
        get,
        put,
        post,
        delete,
        patch,
        ..
    } = item;
    [get, put, post, delete, patch].into_iter().flatten()
}

fn needs_session(operation: &Operation) -> bool {
    let schemes = serde_json::to_value(&operation.security).unwrap_or_default();
    schemes.pointer(&format!("/0/{SESSION}")).is_some()
}

/// The format wants a sentence for each response.
fn describe_success(operation: &mut Operation) {
    for (status, response) in &mut operation.responses.responses {
        if let RefOr::T(response) = response
            && response.description.is_empty()
        {
            let text = if status == "201" { "Made." } else { "Done." };
            text.clone_into(&mut response.description);
        }
    }
}

/// Adds a code to the refusals of an operation.
fn refuse(operation: &mut Operation, status: &str, code: &str) {
    let named = format!("`{code}`");
    match operation.responses.responses.get_mut(status) {
        Some(RefOr::T(response)) if !response.description.contains(&named) => {
            response.description = format!("{}, {named}", response.description.trim_end_matches('.'));
        }
        Some(_) => {}
        None => {
            let response = problem_response(named);
            operation
                .responses
                .responses
                .insert(status.to_owned(), RefOr::T(response));
        }
    }
}

fn problem_response(description: String) -> Response {
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .build();
    ResponseBuilder::new()
        .description(description)
        .content(problem::CONTENT_TYPE, content)
        .build()
}

/// The document that `GET /openapi.json` and `weir openapi` show.
pub fn document() -> Document {
    Api::openapi()
}
