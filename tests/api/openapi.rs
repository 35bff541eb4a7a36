//! The document and the routes say the same.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use crate::harness::{ADMIN_TOKEN, INTERNAL_TOKEN, Shop, shop};

/// Where routes are mounted, as text.
const SOURCES: [&str; 3] = [
    include_str!("../../src/http/routes.rs"),
    include_str!("../../src/http/console.rs"),
    include_str!("../../src/http/docs.rs"),
];

/// Pages for people, which the document leaves out.
const PAGES: [(&str, &str); 6] = [
    ("GET", "/admin"),
    ("GET", "/admin/"),
    ("GET", "/admin/console/{file}"),
    ("GET", "/docs"),
    ("GET", "/docs/errors"),
    ("GET", "/docs/{file}"),
];

const METHODS: [&str; 5] = ["GET", "POST", "PUT", "PATCH", "DELETE"];

pub(crate) async fn document(shop: &Shop) -> Value {
    shop.call("GET", "/openapi.json", None).await.ok(200)
}

/// Each operation of the document: method, path, what it says.
pub(crate) fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            operations.push((method.to_uppercase(), path.clone(), operation.clone()));
        }
    }
    operations
}

/// Each route that the source mounts.
fn mounted() -> BTreeSet<(String, String)> {
    let mut routes = BTreeSet::new();
    for source in SOURCES {
        for resource in source.split("resource(\"").skip(1) {
            let (path, rest) = resource.split_once('"').unwrap();
            let path = path.replace(":.*}", "}");
            let rest = rest.split(".service(").next().unwrap();
            for route in rest.split(".route(").skip(1) {
                let method = route.trim_start_matches("web::").split('(').next().unwrap();
                // What a browser asks before a page may ask is written `method(Method::OPTIONS)`.
                if method != "method" {
                    routes.insert((method.to_uppercase(), path.clone()));
                }
            }
        }
    }
    routes
}

/// The name of the scheme that an operation asks for, or `nobody`.
pub(crate) fn scheme(operation: &Value) -> String {
    let alternatives = operation["security"].as_array().unwrap();
    let names: BTreeSet<&String> = alternatives
        .iter()
        .flat_map(|names| names.as_object().unwrap().keys())
        .collect();
    match names.len() {
        0 => "nobody".to_owned(),
        1 => (*names.first().unwrap()).clone(),
        _ => panic!("several schemes: {operation}"),
    }
}

#[tokio::test]
async fn every_route_is_documented_and_every_documented_route_is_there() {
    shop(async |shop| {
        let documented: BTreeSet<(String, String)> = operations(&document(shop).await)
            .into_iter()
            .map(|(method, path, _)| (method, path))
            .collect();
        let mut expected = documented.clone();
        expected.extend(PAGES.map(|(method, path)| (method.to_owned(), path.to_owned())));
        assert_eq!(mounted(), expected);
        // And so it is seen from outside.
        let paths: BTreeSet<&String> = documented.iter().map(|(_, path)| path).collect();
        for path in paths {
            let real = path.replace("{id}", "nothing");
            for method in METHODS {
                let answer = shop.send(shop.request(method, &real, None, None)).await;
                let is_there = documented.contains(&(method.to_owned(), path.clone()));
                assert_ne!(answer.status, 501);
                assert_eq!(
                    answer.status != 405,
                    is_there,
                    "{method} {path}: {}",
                    answer.status
                );
                if is_there && answer.status == 404 {
                    assert_ne!(answer.code(), "route_not_found", "{method} {path}");
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn the_table_of_routes_is_pinned() {
    shop(async |shop| {
        let mut rows: Vec<String> = operations(&document(shop).await)
            .iter()
            .map(|(method, path, operation)| format!("{path} {method} {}", scheme(operation)))
            .collect();
        rows.sort();
        insta::assert_snapshot!(rows.join("\n"));
    })
    .await;
}

#[tokio::test]
async fn who_may_call_a_route_is_what_the_document_says() {
    shop(async |shop| {
        let phone = shop.visitor().await;
        let mut operations = operations(&document(shop).await);
        // Those that end the session go last.
        operations.sort_by_key(|(method, path, _)| method == "DELETE" && path.starts_with("/v1/session"));
        for (method, path, operation) in operations {
            let real = path.replace("{id}", "nothing");
            let allowed = match scheme(&operation).as_str() {
                "nobody" => None,
                "session" => Some(phone.token.as_str()),
                "admin" => Some(ADMIN_TOKEN),
                "internal" => Some(INTERNAL_TOKEN),
                other => panic!("{other}"),
            };
            let bare = shop.send(shop.request(&method, &real, None, None)).await;
            // WeChat's callback has a form of its own for a refusal, and signs instead.
            if path.starts_with("/wechat/") {
                continue;
            }
            assert_eq!(
                bare.status == 401,
                allowed.is_some(),
                "{method} {path}: {}",
                bare.status
            );
            // Later, so that a renewed token is another one.
            shop.advance(1).await;
            if let Some(token) = allowed {
                let let_in = shop.send(shop.request(&method, &real, Some(token), None)).await;
                assert_ne!(let_in.status, 401, "{method} {path}");
                let documented = &operation["responses"][let_in.status.to_string()];
                assert!(documented.is_object(), "{method} {path}: {}", let_in.status);
                if path.starts_with("/v1/session") && method == "DELETE" {
                    return;
                }
            }
        }
    })
    .await;
}

/// How the paths end whose body may be none.
const MAY_BE_LEFT_OUT: [&str; 4] = ["/replay", "/events/redeliver", "/{name}/query", "/{name}/count"];

/// Calls `look` on each object of the document.
fn walk(value: &Value, look: &mut impl FnMut(&Map<String, Value>)) {
    match value {
        Value::Object(members) => {
            look(members);
            members.values().for_each(|member| walk(member, look));
        }
        Value::Array(items) => items.iter().for_each(|item| walk(item, look)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[tokio::test]
async fn the_document_is_sound() {
    shop(async |shop| {
        let document = document(shop).await;
        assert_eq!(document["openapi"], "3.1.0");
        assert_eq!(document["info"]["title"], "weir");
        assert_eq!(document["info"]["version"], env!("CARGO_PKG_VERSION"));
        let mut names = BTreeSet::new();
        for (method, path, operation) in operations(&document) {
            let what = format!("{method} {path}");
            assert!(METHODS.contains(&method.as_str()), "{what}");
            let name = operation["operationId"].as_str().unwrap().to_owned();
            assert!(names.insert(name.clone()), "{name} is there twice");
            assert!(
                operation["summary"].as_str().is_some_and(|text| !text.is_empty()),
                "{what}"
            );
            let scheme = scheme(&operation);
            assert!(
                scheme == "nobody" || document["components"]["securitySchemes"][&scheme].is_object(),
                "{what}"
            );
            let empty = Vec::new();
            let parameters = operation["parameters"].as_array().unwrap_or(&empty);
            let in_path: BTreeSet<&str> = parameters
                .iter()
                .filter(|parameter| parameter["in"] == "path")
                .map(|parameter| {
                    assert_eq!(parameter["required"], true, "{what}");
                    parameter["name"].as_str().unwrap()
                })
                .collect();
            let expected: BTreeSet<&str> = path
                .split('/')
                .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
                .collect();
            assert_eq!(in_path, expected, "{what}");
            let responses = operation["responses"].as_object().unwrap();
            assert!(responses.keys().any(|status| status.starts_with('2')), "{what}");
            for (status, response) in responses {
                assert!(response["description"].is_string(), "{what} {status}");
            }
            // WeChat's callbacks sign instead, and have a form of their own for a refusal.
            if path.starts_with("/wechat/") {
                continue;
            }
            assert_eq!(responses.contains_key("401"), scheme != "nobody", "{what}");
            if operation["requestBody"].is_object() {
                let is_left_out = MAY_BE_LEFT_OUT.iter().any(|end| path.ends_with(end));
                let body = &operation["requestBody"];
                assert_eq!(body["required"] == true, !is_left_out, "{what}");
                for content in body["content"].as_object().unwrap().values() {
                    // What is there is never null.
                    assert!(!content["schema"].to_string().contains("null"), "{what}");
                }
                for status in ["400", "413", "415", "422"] {
                    assert!(
                        responses.contains_key(status),
                        "{what} takes a body and hides {status}"
                    );
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn every_reference_leads_somewhere_and_every_schema_is_used() {
    shop(async |shop| {
        let document = document(shop).await;
        let mut references = BTreeSet::new();
        walk(&document, &mut |members| {
            if let Some(Value::String(reference)) = members.get("$ref") {
                references.insert(reference.clone());
            }
        });
        assert!(!references.is_empty());
        for reference in &references {
            let pointer = reference.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{reference} leads nowhere");
        }
        for name in document["components"]["schemas"].as_object().unwrap().keys() {
            let reference = format!("#/components/schemas/{name}");
            assert!(references.contains(&reference), "{name} is not used");
        }
    })
    .await;
}

#[tokio::test]
async fn the_browsable_page_loads_from_the_server_alone() {
    shop(async |shop| {
        let page = shop.call("GET", "/docs/", None).await;
        assert_eq!(page.status, 200);
        assert!(
            page.header("content-security-policy")
                .unwrap()
                .contains("default-src 'self'")
        );
        assert!(!page.text().contains("https://"), "{}", page.text());
        shop.call("GET", "/docs/../../etc/passwd", None)
            .await
            .refused(404, "route_not_found");
        shop.call("GET", "/docs/nothing.js", None)
            .await
            .refused(404, "route_not_found");
    })
    .await;
}
