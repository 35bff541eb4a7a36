//! The document routes of services and operator: what is said of the pages' holds of them too, but for who calls and
//! for the permission, which does not bind them.

use utoipa::Modify;
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::path::PathItem;
use utoipa::openapi::security::SecurityRequirement;

use super::everywhere::operations;
use super::{ADMIN, INTERNAL};

/// Where the routes of the pages begin.
const PAGES: &str = "/v1/collections/";
/// Where the others begin; their tag, security scheme, and what is added to the names of the operations.
const OTHERS: [(&str, &str, &str, &str); 2] = [
    ("/admin/collections/", "operator", ADMIN, "as_operator"),
    ("/internal/collections/", "internal", INTERNAL, "as_service"),
];
/// The status of what the permission forbids.
const FORBIDDEN: &str = "403";

pub(super) struct Twins;

impl Modify for Twins {
    fn modify(&self, document: &mut Document) {
        let paths = &mut document.paths.paths;
        let pages: Vec<(String, PathItem)> = paths
            .iter()
            .filter_map(|(path, item)| Some((path.strip_prefix(PAGES)?.to_owned(), item.clone())))
            .collect();
        for (rest, item) in pages {
            for (prefix, tag, scheme, suffix) in OTHERS {
                let mut item = item.clone();
                for operation in operations(&mut item) {
                    operation.tags = Some(vec![tag.to_owned()]);
                    operation.security = Some(vec![SecurityRequirement::new(scheme, [""; 0])]);
                    operation.operation_id =
                        operation.operation_id.as_ref().map(|id| format!("{id}_{suffix}"));
                    operation.responses.responses.remove(FORBIDDEN);
                }
                paths.insert(format!("{prefix}{rest}"), item);
            }
        }
    }
}
