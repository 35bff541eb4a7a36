//! WeChat is asked once for each image; from then on it comes from the store.

use serde_json::{Value, json};

use super::shown;
use crate::harness::{Bucket, OTHER_APP, Setup, Shop, Trouble, shop, shop_with};

const ALL: &str = r#"{"scene": "a", "width": 430, "auto_color": false, "line_color": {"r": 0, "g": 0, "b": 0}, "is_hyaline": false}"#;

/// The names of the pictures that codes have.
async fn kept_names(shop: &Shop) -> Vec<String> {
    sqlx::query_scalar(
        "select f.id::text || '.' || f.extension from wxacodes c join files f on f.id = c.file_id",
    )
    .fetch_all(&shop.db)
    .await
    .unwrap()
}

#[tokio::test]
async fn equal_requests_are_answered_from_the_store_on_every_server_and_after_a_restart() {
    let setup = Setup::default().replicas(2);
    shop_with(setup.clone(), async |shop| {
        let (alice, bob) = (shop.visitor().await, shop.visitor().await);
        let first = alice.code_image(&json!({"scene": "a"})).await;
        shown(&first);
        // What is left out and what is said as it is usually are the same.
        let all: Value = serde_json::from_str(ALL).unwrap();
        let mut of_service = all.clone();
        of_service["check_path"] = json!(true);
        of_service["env_version"] = json!("release");
        shop.stop(0).await;
        let restarted = shop.join(&setup).await;
        for replica in [1, restarted] {
            let token = Some(bob.token.as_str());
            let page = shop.request_of(replica, "POST", "/v1/wxacodes", token, Some(&all));
            let page = shop.send(page).await;
            let service = shop
                .internal_of(replica, "POST", "/internal/wxacodes", Some(&of_service))
                .await;
            for again in [page, service] {
                shown(&again);
                assert!(again.body == first.body && again.header("etag") == first.header("etag"));
            }
        }
        assert_eq!(shop.codes_made().await, 1);
    })
    .await;
}

#[tokio::test]
async fn whatever_is_changed_is_another_image() {
    shop_with(Setup::default().two_apps(), async |shop| {
        let base = json!({"scene": "a", "page": "pages/a"});
        let first = shop.code_as_service(&base).await;
        shown(&first);
        let changes = [
            json!({"scene": "b"}),
            json!({"page": "pages/b"}),
            json!({"page": null}),
            json!({"width": 431}),
            json!({"line_color": {"r": 96, "g": 0, "b": 0}}),
            json!({"auto_color": true}),
            json!({"is_hyaline": true}),
            json!({"env_version": "trial"}),
            json!({"env_version": "develop"}),
            json!({"app_id": OTHER_APP}),
        ];
        let mut tags = vec![first.header("etag").unwrap().to_owned()];
        for (made, change) in changes.iter().enumerate() {
            let mut body = base.clone();
            body.as_object_mut()
                .unwrap()
                .extend(change.as_object().unwrap().clone());
            let other = shop.code_as_service(&body).await;
            shown(&other);
            let tag = other.header("etag").unwrap().to_owned();
            assert!(!tags.contains(&tag), "{change}");
            tags.push(tag);
            assert_eq!(shop.codes_made().await, made + 2, "{change}");
        }
        // This one looks the same, and is asked for all the same.
        let unchecked = json!({"scene": "a", "page": "pages/a", "check_path": false});
        shown(&shop.code_as_service(&unchecked).await);
        assert_eq!(shop.codes_made().await, changes.len() + 2);
    })
    .await;
}

#[tokio::test]
async fn images_lie_in_a_bucket_as_well() {
    let bucket = Bucket::start().await;
    shop_with(bucket.used_by(Setup::default()), async |shop| {
        shop.keep_secret([Bucket::secret()]);
        let alice = shop.visitor().await;
        let body = json!({"scene": "a", "is_hyaline": true});
        let first = alice.code_image(&body).await;
        shown(&first);
        let name = shop.object_name(&kept_names(shop).await[0]).await;
        let (object, content_type) = bucket.objects()[&name].clone();
        assert!(object == first.body && content_type == "image/png");
        shown(&alice.code_image(&body).await);
        assert_eq!(shop.codes_made().await, 1);

        // The store fails: what is kept there cannot be shown, what WeChat gives can.
        shop.announce("unavailable");
        bucket.trouble(Trouble::Status(503));
        alice.code_image(&body).await.refused(503, "unavailable");
        let other = json!({"scene": "b"});
        shown(&alice.code_image(&other).await);
        let check = shop.admin("GET", "/admin/health", None).await.ok(200)["checks"]["files"].clone();
        assert_eq!(check["status"], "degraded", "{check}");
        bucket.trouble(Trouble::None);
        shown(&alice.code_image(&other).await);
        shown(&alice.code_image(&other).await);
        assert_eq!(shop.codes_made().await, 3);
        // What the failed write may have left is swept.
        shop.advance(11 * 60).await;
        shop.run_workers().await;
        shop.advance(25 * 3_600).await;
        shop.run_workers().await;
        assert_eq!(bucket.objects().len(), 2);
        assert_eq!(shop.count("select count(*) from files").await, 2);
    })
    .await;
}

#[tokio::test]
async fn a_body_of_the_store_that_breaks_off_is_not_shown() {
    let bucket = Bucket::start().await;
    shop_with(bucket.used_by(Setup::default()), async |shop| {
        shop.keep_secret([Bucket::secret()]);
        let alice = shop.visitor().await;
        let body = json!({"scene": "a"});
        shown(&alice.code_image(&body).await);
        shop.announce("unavailable");
        bucket.trouble(Trouble::CutAfter(100));
        alice.code_image(&body).await.refused(503, "unavailable");
    })
    .await;
}

#[tokio::test]
async fn a_picture_that_is_lost_is_made_again() {
    let bucket = Bucket::start().await;
    shop_with(bucket.used_by(Setup::default()), async |shop| {
        shop.keep_secret([Bucket::secret()]);
        let alice = shop.visitor().await;
        let body = json!({"scene": "a"});
        let first = alice.code_image(&body).await;
        shown(&first);
        let lost = kept_names(shop).await;
        bucket.lose(&shop.object_name(&lost[0]).await);
        let again = alice.code_image(&body).await;
        assert!(again.body == first.body);
        assert_eq!(shop.codes_made().await, 2);
        let kept = kept_names(shop).await;
        assert!(kept.len() == 1 && kept != lost);
        // The same when the sweep has given it up before anybody asked.
        sqlx::query("update files set state = 'removing', check_at = $1 where state = 'stored'")
            .bind(shop.clock.now())
            .execute(&shop.db)
            .await
            .unwrap();
        shown(&alice.code_image(&body).await);
        assert_eq!(shop.codes_made().await, 3);
        shown(&alice.code_image(&body).await);
        assert_eq!(shop.codes_made().await, 3);
        shop.run_workers().await;
        shop.advance(25 * 3_600).await;
        shop.run_workers().await;
        assert_eq!(bucket.objects().len(), 1);
        assert_eq!(shop.count("select count(*) from files").await, 1);
    })
    .await;
}

#[tokio::test]
async fn an_image_is_no_users_file() {
    shop(async |shop| {
        let alice = shop.visitor().await;
        shown(&alice.code_image(&json!({"scene": "a"})).await);
        let name = kept_names(shop).await.remove(0);
        shop.call("GET", &format!("/files/{name}"), None)
            .await
            .refused(404, "not_found");
        let (id, _) = name.split_once('.').unwrap();
        alice
            .call("DELETE", &format!("/v1/files/{id}"), None)
            .await
            .refused(404, "not_found");
        let own = alice.call("GET", "/v1/files", None).await.ok(200);
        assert_eq!(own["items"], json!([]));
        assert_eq!(
            shop.count("select count(*) from files where user_id is null")
                .await,
            1
        );
    })
    .await;
}
