//! The OpenAPI 3.1 document: what is common to all routes, and the list of the handlers' own parts.

use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::{docs, problem};

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
    paths(docs::metrics, docs::openapi_document),
    components(schemas(problem::Problem, problem::Field)),
    modifiers(&Security),
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

/// The document that `GET /openapi.json` and `weir openapi` show.
pub fn document() -> Document {
    Api::openapi()
}
