//! `GET /admin/`: pages for people, whose files hold no data and need no token.

use std::path::Path;

use crate::harness::{ADMIN_TOKEN, Answer, Shop, shop};

/// All but these are served; the page itself stands at `/admin/`.
const PAGE: &str = "index.html";

/// Every file of the page, as a path below `src/http/console`.
fn files() -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/console");
    let mut folders = vec![root.clone()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            files.push(path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned());
        }
    }
    assert!(files.len() > 10);
    files
}

/// Where a file is served, and what it is.
fn address(file: &str) -> (String, &'static str) {
    let path = match file {
        PAGE => "/admin/".to_owned(),
        other => format!("/admin/console/{other}"),
    };
    let content_type = match file.rsplit('.').next().unwrap() {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        other => panic!("{other}"),
    };
    (path, content_type)
}

async fn ask(shop: &Shop, method: &str, path: &str) -> Answer {
    shop.send(shop.request(method, path, None, None)).await
}

fn is_guarded(answer: &Answer) {
    let policy = answer.header("content-security-policy").unwrap();
    assert_eq!(
        policy,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: https:; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-cache"),
    ] {
        assert_eq!(answer.header(name), Some(value));
    }
}

#[tokio::test]
async fn every_file_is_served_as_it_is_without_a_token_and_under_strict_headers() {
    shop(async |shop| {
        for file in files() {
            let (path, content_type) = address(&file);
            let answer = ask(shop, "GET", &path).await;
            assert_eq!(answer.status, 200, "{path}");
            let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http/console");
            assert_eq!(answer.body, std::fs::read(source.join(&file)).unwrap(), "{path}");
            assert_eq!(answer.header("content-type"), Some(content_type), "{path}");
            is_guarded(&answer);

            let head = ask(shop, "HEAD", &path).await;
            assert_eq!((head.status, head.body.len()), (200, 0), "{path}");
            assert_eq!(head.header("etag"), answer.header("etag"), "{path}");
            is_guarded(&head);
        }
        let bare = shop.request("GET", "/admin", None, None);
        assert_eq!(
            shop.send(bare).await.text(),
            ask(shop, "GET", "/admin/").await.text()
        );
    })
    .await;
}

#[tokio::test]
async fn it_holds_no_data_and_no_way_around_the_token() {
    shop(async |shop| {
        shop.stock("secret-tea", 4_321, None).await;
        for file in files() {
            let (path, _) = address(&file);
            let text = ask(shop, "GET", &path).await.text();
            assert!(
                !text.contains("secret-tea") && !text.contains(ADMIN_TOKEN),
                "{path}"
            );
        }
        for path in ["/admin/health", "/admin/orders", "/admin/exceptions"] {
            ask(shop, "GET", path).await.refused(401, "unauthenticated");
        }
    })
    .await;
}

#[tokio::test]
async fn a_browser_that_has_a_file_is_told_so() {
    shop(async |shop| {
        for path in ["/admin/", "/admin/console/console.js"] {
            let first = ask(shop, "GET", path).await;
            let tag = first.header("etag").unwrap();
            let request = shop.request("GET", path, None, None);
            let again = shop.send(request.header("if-none-match", tag)).await;
            assert_eq!((again.status, again.body.len()), (304, 0), "{path}");
            assert_eq!(again.header("etag"), Some(tag), "{path}");
            is_guarded(&again);
            let request = shop.request("GET", path, None, None);
            let other = shop.send(request.header("if-none-match", "\"another\"")).await;
            assert_eq!(other.status, 200, "{path}");
        }
    })
    .await;
}

#[tokio::test]
async fn nothing_else_is_served_and_nothing_can_be_sent_there() {
    shop(async |shop| {
        for path in [
            "/admin/nothing",
            "/admin/index.html",
            "/admin/console",
            "/admin/console/",
            "/admin/console/index.html",
            "/admin/console/console.js/",
            "/admin/console/../routes.rs",
            "/admin/console/..%2Froutes.rs",
            "/admin/console/view",
            "/admin/console/VIEW/order.js",
        ] {
            let answer = ask(shop, "GET", path).await;
            answer.refused(404, "route_not_found");
            assert_eq!(
                answer.header("content-type"),
                Some("application/problem+json"),
                "{path}"
            );
        }
        for path in ["/admin", "/admin/", "/admin/console/console.js"] {
            for method in ["POST", "PUT", "PATCH", "DELETE"] {
                ask(shop, method, path).await.refused(405, "method_not_allowed");
            }
        }
    })
    .await;
}
