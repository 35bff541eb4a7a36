//! What every operation answers beside what its handler says of itself: the problems of the shell
//! and of the extractors, and the headers that all answers carry.
//!
//! A handler lists only what is its own business. Whatever follows from having a body, a session or
//! simply a server around it is added here, so that it is neither repeated nor forgotten.

use utoipa::Modify;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, ParameterIn, PathItem};
use utoipa::openapi::response::Response;
use utoipa::openapi::schema::{KnownFormat, SchemaFormat, SchemaType};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{ContentBuilder, ObjectBuilder, OpenApi as Document, Ref, RefOr, Type};

use super::{ADMIN, INTERNAL, SESSION};
use crate::error::ErrorCode;
use crate::http::lane::Lane;
use crate::http::problem;

/// The tag of `WeChat`'s callbacks, whose failures have `WeChat`'s form.
const CALLBACK: &str = "callback";

pub(super) struct Everywhere;

impl Modify for Everywhere {
    fn modify(&self, document: &mut Document) {
        for (path, item) in &mut document.paths.paths {
            for operation in operations(item) {
                for code in codes(path, operation) {
                    add_problem(operation, code);
                }
                for (status, response) in &mut operation.responses.responses {
                    if let RefOr::T(response) = response {
                        // The format wants a sentence, and some types say it all.
                        if response.description.is_empty() {
                            "Done.".clone_into(&mut response.description);
                        }
                        add_headers(status, response);
                    }
                }
            }
        }
    }
}

pub(super) fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    [
        &mut item.get,
        &mut item.put,
        &mut item.post,
        &mut item.delete,
        &mut item.patch,
    ]
    .into_iter()
    .flatten()
}

/// The codes that follow from what an operation is.
fn codes(path: &str, operation: &Operation) -> Vec<ErrorCode> {
    let mut codes = vec![ErrorCode::Internal];
    if Lane::of(path) != Lane::Nothing {
        codes.push(ErrorCode::Unavailable);
    }
    if is_for(operation, SESSION) {
        codes.extend([
            ErrorCode::Unauthenticated,
            ErrorCode::SessionExpired,
            ErrorCode::RateLimited,
        ]);
    }
    if is_for(operation, ADMIN) {
        codes.push(ErrorCode::Unauthenticated);
    }
    if is_for(operation, INTERNAL) {
        // Without the setting there is no such route.
        codes.extend([
            ErrorCode::Unauthenticated,
            ErrorCode::RateLimited,
            ErrorCode::RouteNotFound,
        ]);
    }
    let is_callback = operation.tags.iter().flatten().any(|tag| tag == CALLBACK);
    if operation.request_body.is_some() && !is_callback {
        codes.extend([
            ErrorCode::RequestMalformed,
            ErrorCode::RequestTimeout,
            ErrorCode::PayloadTooLarge,
            ErrorCode::UnsupportedMediaType,
            ErrorCode::ValidationFailed,
        ]);
    } else if has_query_or_header(operation) && !is_callback {
        codes.push(ErrorCode::ValidationFailed);
    }
    codes
}

fn is_for(operation: &Operation, scheme: &str) -> bool {
    let wanted = SecurityRequirement::new(scheme, Vec::<String>::new());
    operation
        .security
        .iter()
        .flatten()
        .any(|requirement| *requirement == wanted)
}

fn has_query_or_header(operation: &Operation) -> bool {
    operation
        .parameters
        .iter()
        .flatten()
        .any(|parameter| match parameter {
            RefOr::T(parameter) => matches!(parameter.parameter_in, ParameterIn::Query | ParameterIn::Header),
            RefOr::Ref(_) => false,
        })
}

/// Names a code in the answer of its status, which may have other codes, or another form as well.
fn add_problem(operation: &mut Operation, code: ErrorCode) {
    let row = code.row();
    let answer = operation
        .responses
        .responses
        .entry(row.status.to_string())
        .or_insert_with(|| RefOr::T(Response::new("")));
    let RefOr::T(response) = answer else { return };
    let name = format!("`{}`", row.text);
    if !response.description.contains(&name) {
        if !response.description.is_empty() {
            response.description.push_str(", ");
        }
        response.description.push_str(&name);
    }
    response
        .content
        .entry(problem::CONTENT_TYPE.to_owned())
        .or_insert_with(|| {
            let schema = Ref::from_schema_name("Problem");
            RefOr::T(ContentBuilder::new().schema(Some(schema)).build())
        });
}

fn add_headers(status: &str, response: &mut Response) {
    let id = HeaderBuilder::new()
        .description(Some("The id of this request, as in the server's log."))
        .schema(Some(
            ObjectBuilder::new()
                .schema_type(SchemaType::Type(Type::String))
                .format(Some(SchemaFormat::KnownFormat(KnownFormat::Uuid))),
        ));
    response
        .headers
        .insert("x-request-id".to_owned(), RefOr::T(id.build()));
    if matches!(status, "429" | "503") {
        let wait = HeaderBuilder::new()
            .description(Some("How many seconds to wait before the next try."))
            .schema(Some(
                ObjectBuilder::new()
                    .schema_type(SchemaType::Type(Type::Integer))
                    .minimum(Some(1)),
            ));
        response
            .headers
            .insert("retry-after".to_owned(), RefOr::T(wait.build()));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    fn document() -> Value {
        serde_json::to_value(super::super::document()).unwrap()
    }

    #[test]
    fn an_operation_says_what_follows_from_what_it_is() {
        let document = document();
        let statuses = |path: &str, method: &str| -> Vec<String> {
            let responses = document["paths"][path][method]["responses"].as_object();
            responses.unwrap().keys().cloned().collect()
        };
        assert_eq!(statuses("/healthz", "get"), ["200", "500"]);
        assert_eq!(statuses("/v1/me", "get"), ["200", "401", "429", "500", "503"]);
        assert_eq!(statuses("/v1/products", "get"), ["200", "422", "500", "503"]);
        let change = [
            "200", "400", "401", "408", "409", "413", "415", "422", "429", "500", "502", "503", "504",
        ];
        assert_eq!(statuses("/v1/me", "patch"), change);
    }

    #[test]
    fn own_codes_and_those_of_everywhere_stand_side_by_side() {
        let document = document();
        let orders = &document["paths"]["/v1/orders"]["post"]["responses"];
        assert_eq!(
            orders["422"]["description"],
            "`idempotency_key_reused`, `content_rejected`, `validation_failed`"
        );
        let down = &document["paths"]["/admin/health"]["get"]["responses"]["503"];
        assert!(down["content"]["application/json"].is_object());
        assert!(down["content"]["application/problem+json"].is_object());
        assert_eq!(down["headers"]["x-request-id"]["schema"]["format"], "uuid");
    }

    #[test]
    fn every_failure_has_a_form() {
        for (path, item) in document()["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                for (status, response) in operation["responses"].as_object().unwrap() {
                    // Whoever is refused as a push learns nothing, not even in what form.
                    let is_push_refused = path == "/wechat/push/{app_id}" && status == "403";
                    let has_form = response["content"].is_object();
                    let is_right = status.as_str() < "400" || has_form != is_push_refused;
                    assert!(is_right, "{method} {path} {status}");
                }
            }
        }
    }
}
