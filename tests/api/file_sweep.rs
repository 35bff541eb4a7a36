//! Rows and objects that do not fit each other: servers that die in between, objects that nobody
//! knows, objects that are lost.

use std::fs::{self, File};
use std::time::SystemTime;

use chrono::TimeDelta;
use weir::service::file::sweep::AUDIT_EVERY;

use crate::harness::{Bucket, Server, Setup, Shop, Trouble, form, shop, shop_with, until};
use crate::picture::picture;
use crate::reset::{on_the_wire, reset, send, until_noticed};

const DAY_S: i64 = 24 * 3_600;

async fn state(shop: &Shop) -> Vec<(String, bool)> {
    sqlx::query_as("select state, emptied_at is not null from files")
        .fetch_all(&shop.db)
        .await
        .unwrap()
}

/// Pushes the clock until that part of the store is the next to be looked at, and has it looked at.
async fn audit(shop: &Shop, name: &str) {
    let shard = i64::from_str_radix(&name[37..39], 16).unwrap();
    let period = i64::try_from(AUDIT_EVERY.as_secs()).unwrap();
    let turns = (shard - shop.clock.now().timestamp().div_euclid(period) - 1).rem_euclid(256) + 1;
    shop.advance(turns * period).await;
    shop.run_workers().await;
}

async fn files_check(shop: &Shop) -> serde_json::Value {
    shop.admin("GET", "/admin/health", None).await.ok(200)["checks"]["files"].clone()
}

/// An upload by a server that is killed while the store has its write.
async fn die_while(shop: &Shop, setup: &Setup, bucket: &Bucket, trouble: Trouble) {
    let alice = shop.visitor().await;
    let server = Server::start(shop, &shop.variables(setup)).await;
    let (kind, body) = form(&[("file", Some("a.jpg"), picture("baseline.jpg"))]);
    let request = shop
        .http
        .post(format!("http://{}/v1/files", server.address))
        .bearer_auth(&alice.token)
        .header("content-type", kind)
        .body(body);
    bucket.trouble(trouble);
    let (answer, ()) = futures_util::join!(request.send(), async {
        bucket.holds().await;
        assert!(server.kill().await);
    });
    assert!(answer.is_err(), "nothing was answered");
    bucket.trouble(Trouble::None);
}

/// A server dies while the store has its write; of that, so many objects are there afterwards.
async fn leaves_nothing(trouble: Trouble, objects: usize) {
    let bucket = Bucket::start().await;
    let setup = bucket.used_by(Setup::default().real_time());
    shop_with(setup.clone(), async |shop| {
        die_while(shop, &setup, &bucket, trouble).await;
        assert_eq!(state(shop).await, [("storing".to_owned(), false)]);
        assert_eq!(bucket.objects().len(), objects);
        // Its writer might still live.
        shop.advance(9 * 60).await;
        shop.run_workers().await;
        assert_eq!(state(shop).await, [("storing".to_owned(), false)]);
        shop.advance(11 * 60).await;
        shop.run_workers().await;
        assert_eq!(state(shop).await, [("removing".to_owned(), true)]);
        assert_eq!(bucket.objects().len(), 0);
        // A write that was on its way all the time lands now; it goes as well.
        let name: String = sqlx::query_scalar("select id::text || '.' || extension from files")
            .fetch_one(&shop.db)
            .await
            .unwrap();
        bucket.plant(&shop.object_name(&name).await, picture("baseline.jpg"));
        shop.advance(DAY_S).await;
        shop.run_workers().await;
        assert_eq!(state(shop).await, []);
        assert_eq!(bucket.objects().len(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_server_that_dies_between_row_and_object_leaves_nothing() {
    leaves_nothing(Trouble::HoldWrites, 0).await;
}

#[tokio::test]
async fn a_server_that_dies_between_object_and_row_leaves_nothing() {
    leaves_nothing(Trouble::HoldAnswers, 1).await;
}

#[tokio::test]
async fn an_upload_whose_client_resets_is_kept_all_the_same() {
    let bucket = Bucket::start().await;
    shop_with(bucket.used_by(Setup::default()), async |shop| {
        let alice = shop.visitor().await;
        bucket.trouble(Trouble::HoldWrites);
        let (kind, body) = form(&[("file", Some("a.jpg"), picture("baseline.jpg"))]);
        let headers = [
            ("authorization".to_owned(), format!("Bearer {}", alice.token)),
            ("content-type".to_owned(), kind),
        ];
        let stream = send(shop, &on_the_wire(shop, "/v1/files", &headers, &body)).await;
        bucket.holds().await;
        reset(stream);
        until_noticed(shop).await;
        // The next try to write succeeds.
        bucket.trouble(Trouble::None);
        bucket.hang_up();
        until(async || state(shop).await == [("stored".to_owned(), false)]).await;
        assert_eq!(bucket.objects().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn two_servers_remove_each_object_once_and_all_of_them() {
    let bucket = Bucket::start().await;
    let setup = bucket.used_by(Setup::default()).replicas(2);
    shop_with(setup, async |shop| {
        let alice = shop.visitor().await;
        for _ in 0..40 {
            let (id, _) = alice.keep(picture("plain.png")).await;
            alice
                .call("DELETE", &format!("/v1/files/{id}"), None)
                .await
                .ok(204);
        }
        let (one, other) = futures_util::join!(shop.run_workers_of(0), shop.run_workers_of(1));
        assert!(one.is_empty() && other.is_empty());
        let removals = bucket
            .believed()
            .iter()
            .filter(|said| said.starts_with("DELETE "))
            .count();
        assert_eq!((removals, bucket.objects().len()), (40, 0));
        assert_eq!(
            shop.count("select count(*) from files where emptied_at is null")
                .await,
            0
        );
    })
    .await;
}

/// Names in one part of the store, of files that are nobody's.
async fn nobodys(shop: &Shop, count: usize) -> Vec<String> {
    let mut names = Vec::new();
    for number in 0..count {
        let id = format!("00000000-0000-7000-8000-00000000{number:02x}fe.png");
        names.push(shop.object_name(&id).await);
    }
    names
}

#[tokio::test]
async fn objects_that_no_row_is_about_go_after_a_day() {
    shop(async |shop| {
        let alice = shop.visitor().await;
        let (_, path) = alice.keep(picture("plain.png")).await;
        let names = nobodys(shop, 3).await;
        let strange = names[0].replace(".png", ".txt");
        let folder = shop.files_folder();
        fs::create_dir_all(folder.join(&names[0]).parent().unwrap()).unwrap();
        let write = |name: &str, hours_old: i64| {
            let written_at = SystemTime::from(shop.clock.now() - TimeDelta::hours(hours_old));
            let file = File::create(folder.join(name)).unwrap();
            file.set_modified(written_at).unwrap();
        };
        write(&names[0], 30);
        write(&names[1], 30);
        // Clocks may disagree; and what is not named as ours is not ours to remove.
        write(&names[2], -1_000);
        write(&strange, 30);
        let is_there = |name: &str| folder.join(name).exists();
        audit(shop, &names[0]).await;
        assert_eq!(
            names.iter().map(|name| is_there(name)).collect::<Vec<_>>(),
            [false, false, true]
        );
        assert!(is_there(&strange));
        audit(shop, &shop.object_name(&path).await).await;
        assert_eq!(shop.call("GET", &path, None).await.status, 200);
        for name in [&names[2], &strange] {
            fs::remove_file(folder.join(name)).unwrap();
        }
    })
    .await;
}

#[tokio::test]
async fn what_a_broken_write_left_in_a_folder_goes_with_its_row() {
    shop(async |shop| {
        let alice = shop.visitor().await;
        let (id, path) = alice.keep(picture("plain.png")).await;
        let left = shop
            .files_folder()
            .join(format!("{}#1", shop.object_name(&path).await));
        fs::write(&left, b"half").unwrap();
        alice
            .call("DELETE", &format!("/v1/files/{id}"), None)
            .await
            .ok(204);
        shop.run_workers().await;
        assert!(!left.exists());
    })
    .await;
}

#[tokio::test]
async fn a_list_of_several_pages_is_read_to_its_end() {
    let bucket = Bucket::start().await;
    shop_with(bucket.used_by(Setup::default()), async |shop| {
        let names = nobodys(shop, 5).await;
        for name in &names {
            bucket.plant(name, b"x");
        }
        // Those of another database lie under another name.
        let foreign = names[0].replacen(|letter: char| letter != '-', "0", 8);
        bucket.plant(&foreign, b"x");
        audit(shop, &names[0]).await;
        let left: Vec<String> = bucket.objects().into_keys().collect();
        assert_eq!(left, [foreign]);
    })
    .await;
}

#[tokio::test]
async fn files_that_are_lost_are_named_and_given_up_after_a_month() {
    let bucket = Bucket::start().await;
    shop_with(bucket.used_by(Setup::default()), async |shop| {
        let alice = shop.visitor().await;
        let (_, path) = alice.keep(picture("plain.png")).await;
        let name = shop.object_name(&path).await;
        audit(shop, &name).await;
        assert_eq!(files_check(shop).await["missing"], 0);
        bucket.lose(&name);
        audit(shop, &name).await;
        let check = files_check(shop).await;
        assert_eq!(
            (&check["missing"], &check["status"]),
            (&1.into(), &"degraded".into())
        );
        // Back again, from a copy.
        bucket.plant(&name, picture("plain.png"));
        audit(shop, &name).await;
        assert_eq!(files_check(shop).await["status"], "ok");
        assert_eq!(shop.call("GET", &path, None).await.status, 200);
        bucket.lose(&name);
        audit(shop, &name).await;
        shop.advance(29 * DAY_S).await;
        shop.run_workers().await;
        assert_eq!(files_check(shop).await["missing"], 1);
        shop.advance(2 * DAY_S).await;
        shop.run_workers().await;
        shop.call("GET", &path, None).await.refused(404, "not_found");
        shop.run_workers().await;
        shop.advance(2 * DAY_S).await;
        shop.run_workers().await;
        assert_eq!(state(shop).await, []);
    })
    .await;
}
