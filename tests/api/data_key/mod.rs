//! A change of the data keys: what lies under an older key is sealed again while people log in, and
//! nothing is lost whoever comes between.

mod rotation;
mod standing;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use uuid::Uuid;
use weir::domain::entropy::Entropy;
use weir::domain::name::{AppId, OpenId};
use weir::store::user::session_key_place;
use weir::store::vault::{KeyName, Vault};

use crate::harness::{ADMIN_TOKEN, APP, DATA_KEYS, Setup, Shop};

/// A data key that no other test has.
fn fresh_key() -> String {
    let key: [u8; 32] = Entropy::system().bytes().unwrap();
    STANDARD.encode(key)
}

/// The usual shop with other data keys, newest first.
fn keyed(keys: &[&str]) -> Setup {
    Setup::default().with("DATA_KEYS", keys.join(","))
}

fn vault(keys: &[&str]) -> Vault {
    let keys: Vec<[u8; 32]> = keys
        .iter()
        .map(|key| STANDARD.decode(key).unwrap().try_into().unwrap())
        .collect();
    Vault::new(&keys).unwrap()
}

fn name(key: &str) -> KeyName {
    vault(&[key]).newest()
}

/// A user as the row has it.
#[derive(sqlx::FromRow, Clone, PartialEq, Debug)]
struct Row {
    openid: String,
    session_key: Vec<u8>,
    session_key_hash: Vec<u8>,
    previous_session_key: Option<Vec<u8>>,
}

async fn rows(shop: &Shop) -> Vec<Row> {
    sqlx::query_as(
        "select openid, session_key, session_key_hash, previous_session_key from users order by id",
    )
    .fetch_all(&shop.db)
    .await
    .unwrap()
}

/// The session keys of each user, newest and previous, as these data keys open them. The hash must be
/// the newest's.
async fn opened(shop: &Shop, keys: &[&str]) -> Vec<(String, String, Option<String>)> {
    let vault = vault(keys);
    let all = rows(shop).await.into_iter().map(|row| {
        let place = place(&row.openid);
        let open = |sealed: &Vec<u8>| {
            let plain = vault.open(&place, sealed).unwrap();
            String::from_utf8(plain.to_vec()).unwrap()
        };
        let newest = open(&row.session_key);
        assert!(
            vault.hashes(newest.as_bytes()).contains(&row.session_key_hash),
            "the hash is not of this key"
        );
        (row.openid, newest, row.previous_session_key.as_ref().map(open))
    });
    all.collect()
}

fn place(openid: &str) -> String {
    session_key_place(&AppId::parse(APP).unwrap(), &OpenId::parse(openid).unwrap())
}

/// How many values lie under a key.
async fn count_under(shop: &Shop, key: &str) -> i64 {
    sqlx::query_scalar(
        "select count(*) from (select session_key as sealed from users
            union all select previous_session_key from users where previous_session_key is not null) as v
        where substring(sealed from 2 for 4) = $1",
    )
    .bind(name(key).as_bytes())
    .fetch_one(&shop.db)
    .await
    .unwrap()
}

/// Many users who have logged in twice, under a data key; the first `damaged` of them do not open.
async fn populate(shop: &Shop, key: &str, users: u64, damaged: u64) {
    let vault = vault(&[key]);
    let (mut ids, mut openids, mut keys, mut hashes) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for number in 1..=users {
        let openid = format!("oMany{number:08}");
        let plain = format!("{number:022}==");
        let mut sealed = vault
            .seal(&place(&openid), plain.as_bytes(), Entropy::system())
            .unwrap();
        if number <= damaged {
            *sealed.last_mut().unwrap() ^= 1;
        }
        ids.push(Uuid::from_u128(u128::from(number)));
        hashes.push(vault.hashes(plain.as_bytes()).remove(0));
        openids.push(openid);
        keys.push(sealed);
    }
    sqlx::query(
        "insert into users (id, app_id, openid, session_key, session_key_hash, session_key_at, previous_session_key,
            created_at, updated_at)
        select id, $1, openid, key, hash, $2, key, $2, $2
        from unnest($3::uuid[], $4::text[], $5::bytea[], $6::bytea[]) as many (id, openid, key, hash)",
    )
    .bind(APP)
    .bind(shop.clock.now())
    .bind(ids)
    .bind(openids)
    .bind(keys)
    .bind(hashes)
    .execute(&shop.db)
    .await
    .unwrap();
}

/// One server's view of the data keys.
async fn check(shop: &Shop, replica: usize) -> Value {
    let request = shop.request_of(replica, "GET", "/admin/health", Some(ADMIN_TOKEN), None);
    shop.send(request).await.ok(200)["checks"]["data_keys"].clone()
}

/// Has a server's loops do all that is due a minute later.
async fn a_minute_later(shop: &Shop, replica: usize) {
    shop.advance(60).await;
    let failed = shop.run_workers_of(replica).await;
    assert!(failed.is_empty(), "{failed:?}");
}

/// A login at one of the servers, with a session key that stays or changes.
async fn log_in_at(shop: &Shop, replica: usize, user_id: &str, rotate: bool) {
    let body = json!({"user_id": user_id, "app_id": APP, "rotate": rotate});
    let code = shop.control("POST", "/simulator/login-codes", &body).await;
    let body = json!({ "code": code["code"] });
    let answer = shop.send(shop.request_of(replica, "POST", "/v1/login", None, Some(&body)));
    answer.await.ok(200);
}

/// Begins with the usual key and one server.
async fn in_a_shop(scenario: impl AsyncFnOnce(&Shop, &str, &str)) {
    let new = fresh_key();
    crate::harness::shop(async |shop| scenario(shop, DATA_KEYS, &new).await).await;
}
