//! What the server says about itself.

use std::time::Duration;

use crate::server::{ADMIN_TOKEN, Server};
use crate::wire::Wire;

#[test]
fn metrics_show_routes_by_pattern_and_never_by_path() {
    let server = Server::start();
    let id = "0190a5a0-0000-7000-8000-000000000001";
    assert_eq!(
        server
            .call("GET", &format!("/orders/{id}?token=hidden"), &[])
            .status,
        200
    );
    assert_eq!(server.call("GET", "/made-up-path", &[]).status, 404);
    server.shell.sweep();
    let answer = server.call(
        "GET",
        "/metrics",
        &[&format!("authorization: Bearer {ADMIN_TOKEN}")],
    );
    assert_eq!(answer.status, 200);
    let count = r#"weir_http_request_duration_seconds_count{method="GET",route="/orders/{id}",status="200"}"#;
    assert!(answer.body.contains(count), "{}", answer.body);
    assert!(
        answer.body.contains(r#"route="none",status="404""#),
        "{}",
        answer.body
    );
    for hidden in [id, "hidden", "made-up-path"] {
        assert!(!answer.body.contains(hidden));
    }
}

#[test]
fn a_panic_and_a_client_that_went_away_count_for_their_routes() {
    let server = Server::start();
    assert_eq!(server.call("GET", "/panic", &[]).status, 500);
    let mut leaving = Wire::open(server.address);
    // An answer that is never read makes the end of the connection a reset.
    leaving.write(b"GET /healthz HTTP/1.1\r\nhost: t\r\n\r\nGET /wait HTTP/1.1\r\nhost: t\r\n\r\n");
    assert!(!leaving.is_silent_for(Duration::from_mins(1)));
    server.until(|server| server.shell.in_hand() == 1);
    drop(leaving);
    server.until(|server| server.shell.in_hand() == 0);
    let token = format!("authorization: Bearer {ADMIN_TOKEN}");
    let metrics = server.call("GET", "/metrics", &[&token]).body;
    for labels in [
        r#"{method="GET",route="/panic",status="500"}"#,
        r#"{method="GET",route="/wait",status="499"}"#,
    ] {
        assert!(metrics.contains(labels), "{metrics}");
    }
}

#[test]
fn the_document_is_openapi_and_the_pages_come_from_the_binary() {
    let server = Server::start();
    let document = server.call("GET", "/openapi.json", &[]).json();
    assert_eq!(document["openapi"], "3.1.0");
    for scheme in ["session", "admin", "internal"] {
        assert_eq!(
            document["components"]["securitySchemes"][scheme]["scheme"],
            "bearer"
        );
    }
    assert_eq!(server.call("GET", "/docs", &[]).headers["location"], "/docs/");
    let page = server.call("GET", "/docs/", &[]);
    assert!(
        page.body.contains("swagger-ui") && !page.body.contains("https://"),
        "{}",
        page.body
    );
    let start = server.call("GET", "/docs/swagger-initializer.js", &[]);
    assert!(start.body.contains("/openapi.json"));
    let errors = server.call("GET", "/docs/errors", &[]);
    assert!(errors.body.contains("id=\"login_code_invalid\""));
}
