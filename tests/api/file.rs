//! `POST /v1/files`: what becomes of a picture on its way in.

use serde_json::json;

use crate::harness::shop;
use crate::picture::{
    HERE, PICTURES, exif_with_orientation, exif_with_place, holds, picture, tells_place, with_notes,
};

#[tokio::test]
async fn a_picture_of_each_kind_is_kept_and_shown_to_everybody() {
    shop(async |shop| {
        let alice = shop.visitor().await;
        for (name, bytes) in PICTURES {
            let kept = alice.upload(bytes).await.ok(201);
            let id = kept["id"].as_str().unwrap();
            let extension = name.rsplit('.').next().unwrap();
            let hash = hex::encode(weir::file::place::sha256(bytes));
            let content_type = format!("image/{}", extension.replace("jpg", "jpeg"));
            let wanted = json!({
                "id": id,
                "url": shop.url(&format!("/files/{id}.{extension}")),
                "bytes": bytes.len(),
                "content_type": content_type,
                "sha256": hash,
            });
            assert_eq!(kept, wanted, "{name}");
            let shown = shop.call("GET", &format!("/files/{id}.{extension}"), None).await;
            assert_eq!(
                (shown.status, shown.header("content-type")),
                (200, Some(content_type.as_str()))
            );
            assert!(shown.body == bytes, "{name}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_place_where_a_picture_was_taken_is_told_to_nobody() {
    shop(async |shop| {
        let alice = shop.visitor().await;
        for (name, _) in PICTURES {
            let sent = with_notes(name, Some(&exif_with_place()));
            assert!(tells_place(&sent) && holds(&sent, HERE), "{name}");
            let (_, path) = alice.keep(&sent).await;
            let shown = shop.call("GET", &path, None).await;
            assert_eq!(shown.status, 200);
            assert!(!tells_place(&shown.body), "{name}");
            let is_turned = holds(&shown.body, &exif_with_orientation());
            assert_eq!(
                is_turned,
                !name.contains("gif") && !name.starts_with("loss"),
                "{name}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_no_picture_is_refused_whatever_its_name_says() {
    shop(async |shop| {
        let alice = shop.visitor().await;
        let png = picture("plain.png");
        let script = b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>".as_slice();
        for (content, detail) in [
            (script, "Not a JPEG, PNG, GIF or WebP picture."),
            (
                b"<html><script>alert(1)</script></html>",
                "Not a JPEG, PNG, GIF or WebP picture.",
            ),
            (
                b"GIF89a/*<script>alert(1)</script>*/=1;",
                "The picture is too large: at most 16384 pixels a side and 64 million in all.",
            ),
            (
                b"\xff\xd8\xff\xe0<script>alert(1)</script>",
                "The picture is broken: it ends too early.",
            ),
            (&png[..png.len() - 1], "The picture is broken: it ends too early."),
            (b"x", "Not a JPEG, PNG, GIF or WebP picture."),
        ] {
            let problem = alice.upload(content).await.refused(422, "file_invalid");
            assert_eq!(problem["detail"], detail, "{}", String::from_utf8_lossy(content));
        }
        // A page behind a picture does not get in with it.
        let (_, path) = alice.keep(&[png, script].concat()).await;
        assert!(shop.call("GET", &path, None).await.body == png);
        assert_eq!(shop.count("select count(*) from files").await, 1);
    })
    .await;
}

#[tokio::test]
async fn only_users_send_files() {
    shop(async |shop| {
        let (kind, body) = crate::harness::form(&[("file", Some("a.jpg"), picture("baseline.jpg"))]);
        let request = shop.request("POST", "/v1/files", None, None);
        let request = request.header("content-type", &kind).body(body.clone());
        shop.send(request).await.refused(401, "unauthenticated");
        let request = shop.request("POST", "/v1/files", Some(crate::harness::ADMIN_TOKEN), None);
        let request = request.header("content-type", &kind).body(body);
        shop.send(request).await.refused(401, "unauthenticated");
        shop.call("GET", "/v1/files", None)
            .await
            .refused(401, "unauthenticated");
    })
    .await;
}
