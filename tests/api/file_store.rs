//! The same files in an S3-compatible store, which checks each signature, and what its failures do.

use futures_util::future::poll_immediate;
use serde_json::json;
use weir::file::place::Place;

use crate::harness::{Bucket, Setup, Shop, Trouble, shop_with};
use crate::picture::{PICTURES, exif_with_place, picture, tells_place, with_notes};

/// A shop whose files lie in a bucket.
async fn with_bucket(scenario: impl AsyncFnOnce(&Shop, &Bucket)) {
    let bucket = Bucket::start().await;
    shop_with(bucket.used_by(Setup::default()), async |shop| {
        shop.keep_secret([Bucket::secret()]);
        scenario(shop, &bucket).await;
    })
    .await;
}

async fn files_check(shop: &Shop) -> serde_json::Value {
    shop.admin("GET", "/admin/health", None).await.ok(200)["checks"]["files"].clone()
}

#[tokio::test]
async fn files_are_kept_shown_and_removed() {
    with_bucket(async |shop, bucket| {
        let alice = shop.visitor().await;
        let mut kept = Vec::new();
        for (name, bytes) in PICTURES {
            let (id, path) = alice.keep(&with_notes(name, None)).await;
            let (object, content_type) = bucket.objects()[&shop.object_name(&path).await].clone();
            let shown = shop.call("GET", &path, None).await;
            assert_eq!(
                shown.header("content-type"),
                Some(content_type.as_str()),
                "{name}"
            );
            assert!(shown.body == bytes && object == bytes, "{name}");
            let part = shop
                .request("GET", &path, None, None)
                .header("range", "bytes=10-29");
            let part = shop.send(part).await;
            assert_eq!(part.status, 206);
            assert!(part.body == bytes[10..30], "{name}");
            let head = shop.call("HEAD", &path, None).await;
            assert_eq!(
                head.header("content-length"),
                Some(bytes.len().to_string().as_str())
            );
            kept.push(id);
        }
        let (_, path) = alice
            .keep(&with_notes("baseline.jpg", Some(&exif_with_place())))
            .await;
        assert!(!tells_place(&bucket.objects()[&shop.object_name(&path).await].0));

        for id in &kept {
            alice
                .call("DELETE", &format!("/v1/files/{id}"), None)
                .await
                .ok(204);
        }
        shop.run_workers().await;
        assert_eq!(bucket.objects().len(), 1);
        shop.advance(25 * 3_600).await;
        shop.run_workers().await;
        assert_eq!(shop.count("select count(*) from files").await, 1);
        assert_eq!(shop.call("GET", &path, None).await.status, 200);
    })
    .await;
}

#[tokio::test]
async fn a_store_that_fails_loses_nothing_and_is_told_of() {
    with_bucket(async |shop, bucket| {
        let alice = shop.visitor().await;
        let (id, path) = alice.keep(picture("plain.png")).await;
        shop.announce("unavailable");
        // Refused for good, and failing in a way that passes.
        for status in [403, 503] {
            bucket.trouble(Trouble::Status(status));
            let refusal = alice.upload(picture("plain.png")).await;
            let problem = refusal.refused(503, "unavailable");
            assert_eq!(problem["detail"], "The store of the files fails.");
            shop.call("GET", &path, None).await.refused(503, "unavailable");
        }
        let check = files_check(shop).await;
        assert_eq!(check["status"], "degraded", "{check}");
        // What was not answered is not there, and leaves nothing behind.
        assert_eq!(
            alice.call("GET", "/v1/files", None).await.ok(200)["items"]
                .as_array()
                .unwrap()
                .len(),
            1
        );
        alice
            .call("DELETE", &format!("/v1/files/{id}"), None)
            .await
            .ok(204);
        let failed = shop.run_workers_of(0).await;
        assert!(failed.contains("files"), "{failed:?}");
        bucket.trouble(Trouble::None);
        shop.advance(11 * 60).await;
        shop.run_workers().await;
        assert_eq!(bucket.objects().len(), 0);
        let (_, path) = alice.keep(picture("plain.png")).await;
        assert_eq!(shop.call("GET", &path, None).await.status, 200);
        assert_eq!(files_check(shop).await["status"], "ok");
    })
    .await;
}

#[tokio::test]
async fn a_store_that_takes_nothing_is_told_of_though_it_shows_what_it_has() {
    with_bucket(async |shop, bucket| {
        let alice = shop.visitor().await;
        let (_, path) = alice.keep(picture("plain.png")).await;
        shop.announce("unavailable");
        bucket.trouble(Trouble::RefuseWrites(403));
        alice
            .upload(picture("plain.png"))
            .await
            .refused(503, "unavailable");
        assert_eq!(shop.call("GET", &path, None).await.status, 200);
        let check = files_check(shop).await;
        assert_eq!(
            (&check["status"], &check["failed_at"]),
            (&json!("degraded"), &json!(null)),
            "{check}"
        );
        assert!(check["write_failed_at"].is_string(), "{check}");
        assert!(
            check["detail"].as_str().unwrap().contains("takes no new ones"),
            "{check}"
        );
        bucket.trouble(Trouble::None);
        alice.keep(picture("plain.png")).await;
        assert_eq!(files_check(shop).await["status"], "ok");
    })
    .await;
}

#[tokio::test]
async fn an_object_that_is_gone_is_no_missing_file() {
    with_bucket(async |shop, bucket| {
        let alice = shop.visitor().await;
        let (_, path) = alice.keep(picture("plain.png")).await;
        bucket.lose(&shop.object_name(&path).await);
        // 404 would have everybody forget what may come back.
        shop.announce("unavailable");
        shop.call("GET", &path, None).await.refused(503, "unavailable");
    })
    .await;
}

#[tokio::test]
async fn a_body_that_breaks_off_is_never_taken_for_whole() {
    with_bucket(async |shop, bucket| {
        let alice = shop.visitor().await;
        let (_, path) = alice.keep(picture("animated.gif")).await;
        bucket.trouble(Trouble::CutAfter(100));
        let answer = shop.request("GET", &path, None, None).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 200);
        assert!(answer.bytes().await.is_err());
    })
    .await;
}

#[tokio::test]
async fn a_wrong_key_is_refused_and_not_told() {
    let bucket = Bucket::start().await;
    let wrong = "w7Jb2Xv9Kd4Rm8Ty1Wc6Zp3Ns5Lh0Gf7Ae2Uo9Ix";
    let setup = bucket
        .used_by(Setup::default())
        .with("AWS_SECRET_ACCESS_KEY", wrong);
    shop_with(setup, async |shop| {
        shop.keep_secret([wrong.to_owned()]);
        shop.announce("unavailable");
        let alice = shop.visitor().await;
        alice
            .upload(picture("plain.png"))
            .await
            .refused(503, "unavailable");
        assert_eq!(bucket.believed(), Vec::<String>::new());
        assert_eq!(bucket.objects().len(), 0);
    })
    .await;
}

#[test]
fn a_folder_that_stands_still_takes_a_bounded_number_of_threads() {
    const BOUND: usize = 128;
    // One thread more than they may take: whatever is begun is done by it in turn.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_blocking_threads(BOUND + 1)
        .build()
        .unwrap();
    runtime.block_on(async {
        let folder = tempfile::tempdir().unwrap();
        let place = Place::folder(folder.path()).unwrap();
        let pipe = folder.path().join("pipe");
        let made = std::process::Command::new("mkfifo").arg(&pipe).status();
        assert!(made.unwrap().success());
        std::fs::write(folder.path().join("other"), "x").unwrap();
        // Whoever opens a pipe to read waits until somebody opens it to write, also when nobody waits for him.
        for _ in 0..BOUND {
            assert!(poll_immediate(place.read("pipe", 0..1)).await.is_none());
        }
        let mut late = Box::pin(place.has("other"));
        for _ in 0..10 {
            assert!(poll_immediate(&mut late).await.is_none(), "no bound");
            tokio::task::spawn_blocking(|| ()).await.unwrap();
        }
        let _writer = tokio::task::spawn_blocking(move || std::fs::OpenOptions::new().write(true).open(pipe))
            .await
            .unwrap()
            .unwrap();
        assert!(late.await.unwrap());
    });
}
