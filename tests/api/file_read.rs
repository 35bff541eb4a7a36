//! `GET /files/{name}`: what a browser, a canvas and a video player of any mini program rely on.

use serde_json::Value;

use crate::harness::{Answer, Shop, shop};
use crate::picture::picture;

async fn get(shop: &Shop, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = shop.request(method, path, None, None);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    shop.send(request).await
}

#[tokio::test]
async fn a_file_is_cached_for_ever_and_runs_nothing() {
    shop(async |shop| {
        let alice = shop.visitor().await;
        let bytes = picture("plain.png");
        let kept = alice.upload(bytes).await.ok(201);
        let path = format!("/files/{}.png", kept["id"].as_str().unwrap());
        let tag = format!("\"{}\"", kept["sha256"].as_str().unwrap());
        for method in ["GET", "HEAD"] {
            let shown = get(shop, method, &path, &[("origin", "https://servicewechat.com")]).await;
            assert_eq!(shown.status, 200);
            for (name, value) in [
                ("content-type", "image/png"),
                ("content-length", bytes.len().to_string().as_str()),
                ("etag", &tag),
                ("cache-control", "public, max-age=31536000, immutable"),
                ("accept-ranges", "bytes"),
                ("x-content-type-options", "nosniff"),
                ("content-security-policy", "default-src 'none'; sandbox"),
                (
                    "content-disposition",
                    &format!("inline; filename=\"{}\"", &path[7..]),
                ),
                ("access-control-allow-origin", "*"),
                ("cross-origin-resource-policy", "cross-origin"),
            ] {
                assert_eq!(shown.header(name), Some(value), "{method} {name}");
            }
            assert!(
                shown
                    .header("access-control-expose-headers")
                    .unwrap()
                    .contains("Content-Range")
            );
            let body: &[u8] = if method == "GET" { bytes } else { b"" };
            assert!(shown.body == body, "{method}");
        }
        let preflight = get(
            shop,
            "OPTIONS",
            &path,
            &[("access-control-request-method", "GET")],
        )
        .await;
        assert_eq!(preflight.status, 204);
        assert_eq!(preflight.header("access-control-allow-origin"), Some("*"));
        assert_eq!(
            preflight.header("access-control-allow-methods"),
            Some("GET, HEAD")
        );
        let refused = get(shop, "PUT", &path, &[]).await;
        refused.refused(405, "method_not_allowed");
    })
    .await;
}

#[tokio::test]
async fn who_has_it_already_gets_nothing_again() {
    shop(async |shop| {
        let alice = shop.visitor().await;
        let (_, path) = alice.keep(picture("plain.png")).await;
        let shown = get(shop, "GET", &path, &[]).await;
        let (tag, date) = (
            shown.header("etag").unwrap(),
            shown.header("last-modified").unwrap(),
        );
        let weak = format!("W/{tag}");
        let several = format!("\"x\", {tag}");
        for (headers, status) in [
            (vec![("if-none-match", tag)], 304),
            (vec![("if-none-match", weak.as_str())], 304),
            (vec![("if-none-match", several.as_str())], 304),
            (vec![("if-none-match", "*")], 304),
            (vec![("if-modified-since", date)], 304),
            (vec![("if-none-match", "\"x\"")], 200),
            (vec![("if-none-match", "\"x\""), ("if-modified-since", date)], 200),
            (vec![("if-modified-since", "Wed, 01 Jan 2020 00:00:00 GMT")], 200),
        ] {
            let answer = get(shop, "GET", &path, &headers).await;
            assert_eq!(answer.status, status, "{headers:?}");
            assert_eq!(answer.header("etag"), Some(tag));
            assert_eq!(answer.header("cache-control"), shown.header("cache-control"));
            assert_eq!(answer.body.is_empty(), status == 304);
        }
    })
    .await;
}

#[tokio::test]
async fn a_part_can_be_asked_for() {
    shop(async |shop| {
        let alice = shop.visitor().await;
        let bytes = picture("animated.gif");
        let size = bytes.len();
        let (_, path) = alice.keep(bytes).await;
        let whole = get(shop, "GET", &path, &[]).await;
        let (tag, date) = (
            whole.header("etag").unwrap(),
            whole.header("last-modified").unwrap(),
        );
        let last = size - 1;
        for (range, part) in [
            ("bytes=0-0", 0..1),
            ("bytes=5-99", 5..100),
            ("bytes=-10", size - 10..size),
            (&format!("bytes={last}-"), last..size),
            ("bytes=100-999999", 100..size),
        ] {
            for extra in [None, Some(("if-range", tag)), Some(("if-range", date))] {
                let mut headers = vec![("range", range)];
                headers.extend(extra);
                let answer = get(shop, "GET", &path, &headers).await;
                assert_eq!(answer.status, 206, "{headers:?}");
                let told = format!("bytes {}-{}/{size}", part.start, part.end - 1);
                assert_eq!(answer.header("content-range"), Some(told.as_str()));
                assert_eq!(answer.header("content-type"), Some("image/gif"));
                assert!(answer.body == bytes[part.clone()], "{headers:?}");
            }
        }
        for headers in [
            [("range", "bytes=0-1,5-6"), ("accept", "*/*")],
            [("range", "bytes=9-5"), ("accept", "*/*")],
            [("range", "pages=1-2"), ("accept", "*/*")],
            [("range", "bytes=0-1"), ("if-range", "\"other\"")],
            [
                ("range", "bytes=0-1"),
                ("if-range", "Wed, 01 Jan 2020 00:00:00 GMT"),
            ],
        ] {
            let answer = get(shop, "GET", &path, &headers).await;
            assert_eq!(answer.status, 200, "{headers:?}");
            assert!(answer.body == bytes);
        }
        for range in [format!("bytes={size}-"), "bytes=-0".to_owned()] {
            let answer = get(shop, "GET", &path, &[("range", &range)]).await;
            answer.refused(416, "range_not_satisfiable");
            assert_eq!(
                answer.header("content-range"),
                Some(format!("bytes */{size}").as_str())
            );
        }
    })
    .await;
}

#[tokio::test]
async fn every_other_name_is_nobodys() {
    shop(async |shop| {
        let alice = shop.visitor().await;
        let (id, _) = alice.keep(picture("plain.png")).await;
        for name in [
            id.clone(),
            format!("{id}.jpg"),
            format!("{id}.PNG"),
            format!("{id}.png.html"),
            format!("{}.png", id.to_uppercase()),
            format!("{id}.png%00"),
            "00000000-0000-7000-8000-000000000000.png".to_owned(),
            "..%2f..%2fsettings.env".to_owned(),
            "%ff.png".to_owned(),
            "x".repeat(3_000),
        ] {
            let answer = get(shop, "GET", &format!("/files/{name}"), &[]).await;
            let problem = answer.refused(404, "not_found");
            assert_eq!(answer.header("cache-control"), Some("no-store"), "{problem}");
        }
        get(shop, "GET", "/files/", &[])
            .await
            .refused(404, "route_not_found");
    })
    .await;
}

#[tokio::test]
async fn a_file_of_ours_may_be_an_avatar() {
    shop(async |shop| {
        let alice = shop.visitor().await;
        let kept = alice.upload(picture("baseline.jpg")).await.ok(201);
        let change = serde_json::json!({"avatar_url": kept["url"]});
        let me: Value = alice.call("PATCH", "/v1/me", Some(&change)).await.ok(200);
        assert_eq!(me["avatar_url"], kept["url"]);
    })
    .await;
}
