//! What nothing can do better on this machine: the primitives that the limits are made of, each
//! measured alone, in microseconds of processor time.

use std::fs::File;
use std::hint::black_box;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use aws_lc_rs::aead::{Aad, LessSafeKey, Nonce};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use tokio::runtime::Runtime;
use weir::domain::clock::Clock;
use weir::wechat::crypto::SigningKey;
use weir::wechat::crypto::open_data::decrypt;

use crate::generator::{self, Load};
use crate::notification;
use crate::open_data;
use crate::process::{Layout, Usage, thread_cpu_ns};
use crate::report::median;
use crate::server::Server;
use crate::settings::{WECHAT_PRIVATE_KEY, WECHAT_PUBLIC_KEY, der};
use crate::stand_in::StandIn;

/// How long one primitive is measured, and in how many parts, of which the middle one counts.
const PART: Duration = Duration::from_millis(100);
const PARTS: usize = 7;
/// Plain requests of one part.
const PLAIN: usize = 40_000;

/// The primitives of one moment; the letters are those of the formulas.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Primitives {
    /// h: a plain request to a bare actix.
    pub(crate) plain_us: f64,
    /// Its requests per second on one processor.
    pub(crate) plain_per_second: f64,
    /// j: verifying a session token.
    pub(crate) token_us: f64,
    /// e: making one.
    pub(crate) issue_us: f64,
    /// k: sealing and hashing a session key.
    pub(crate) seal_us: f64,
    /// S: signing.
    pub(crate) sign_us: f64,
    /// V: verifying.
    pub(crate) verify_us: f64,
    /// n: parsing and opening a notification.
    pub(crate) open_us: f64,
    /// o: opening a session key and what was encrypted under it.
    pub(crate) unseal_us: f64,
    /// u: a call, the client's side.
    pub(crate) call_us: f64,
    /// f: a flush, of elapsed time.
    pub(crate) flush_us: f64,
}

/// Measures all of them.
#[expect(
    clippy::disallowed_methods,
    reason = "what a signature takes is measured without the server"
)]
pub(crate) fn measure(runtime: &Runtime, wechat: &StandIn, disk: &Path) -> Primitives {
    let (plain_us, plain_per_second) = plain(runtime);
    let key = RsaKeyPair::from_pkcs8(&der(WECHAT_PRIVATE_KEY)).expect("a key of the tests");
    let public = ParsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, der(WECHAT_PUBLIC_KEY));
    let public = public.expect("a key of the tests");
    let message = [b'm'; 420];
    let mut signature = vec![0; key.public_modulus_len()];
    let random = SystemRandom::new();
    let sign_us = repeat(|| {
        key.sign(&RSA_PKCS1_SHA256, &random, black_box(&message), &mut signature)
            .expect("a signature");
    });
    let verify_us = repeat(|| {
        public
            .verify_sig(black_box(&message), &signature)
            .expect("it verifies");
    });
    let (issue_us, token_us) = token();
    Primitives {
        plain_us,
        plain_per_second,
        token_us,
        issue_us,
        seal_us: seal(),
        sign_us,
        verify_us,
        open_us: open(),
        unseal_us: unseal(),
        call_us: call(runtime, wechat),
        flush_us: flush(disk),
    }
}

/// The middle of several measurements of the thread's processor time, per run of `work`.
fn repeat(mut work: impl FnMut()) -> f64 {
    let parts = (0..PARTS)
        .map(|_| {
            let (started, before) = (Instant::now(), thread_cpu_ns());
            let mut runs = 0_u32;
            while started.elapsed() < PART {
                for _ in 0..16 {
                    work();
                }
                runs += 16;
            }
            (thread_cpu_ns() - before) as f64 / f64::from(runs) / 1e3
        })
        .collect();
    median(parts)
}

fn plain(runtime: &Runtime) -> (f64, f64) {
    let server = Server::bare(Layout::Pinned);
    let requests = [b"GET /plain HTTP/1.1\r\nHost: weir\r\n\r\n".to_vec()];
    let load = |count| Load {
        address: server.address,
        connections: 32,
        requests: &requests,
        count,
        status: 200,
        keep_every: count,
        rate: None,
    };
    generator::send(runtime, load(PLAIN));
    let parts = (0..PARTS).map(|_| {
        let before = Usage::of(server.pid());
        let outcome = generator::send(runtime, load(PLAIN));
        let used = Usage::of(server.pid()).since(before);
        (used.cpu_us as f64 / PLAIN as f64, outcome.per_second())
    });
    let (costs, rates) = parts.unzip();
    (median(costs), median(rates))
}

#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: uuid::Uuid,
    sid: uuid::Uuid,
    iat: i64,
    exp: i64,
}

fn token() -> (f64, f64) {
    let key = [7; 32];
    let now = Clock::system().now().timestamp();
    let claims = Claims {
        iss: "weir".to_owned(),
        aud: crate::settings::APP.to_owned(),
        sub: uuid::Uuid::nil(),
        sid: uuid::Uuid::max(),
        iat: now,
        exp: now + 604_800,
    };
    let (encoding, decoding) = (EncodingKey::from_secret(&key), DecodingKey::from_secret(&key));
    let encode =
        || jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &encoding).expect("a token");
    let token = encode();
    let mut validation = Validation::new(Algorithm::HS256);
    validation.set_issuer(&["weir"]);
    validation.set_audience(&[crate::settings::APP]);
    let decode =
        || jsonwebtoken::decode::<Claims>(black_box(&token), &decoding, &validation).expect("it verifies");
    (
        repeat(|| drop(black_box(encode()))),
        repeat(|| drop(black_box(decode()))),
    )
}

fn seal() -> f64 {
    let (key, hash) = (
        notification::resource_key(),
        hmac::Key::new(hmac::HMAC_SHA256, &[7; 32]),
    );
    repeat(|| {
        let nonce = Nonce::assume_unique_for_key([1; 12]);
        let mut bytes = b"tiihtNczf5v6AKRyjwEUhQ==".to_vec();
        key.seal_in_place_append_tag(nonce, Aad::from(b"users.session_key"), &mut bytes)
            .expect("a sealed key");
        black_box((bytes, hmac::sign(&hash, b"tiihtNczf5v6AKRyjwEUhQ==")));
    })
}

/// A sealed session key, and a profile encrypted under it, from base64 to JSON.
fn unseal() -> f64 {
    let key = notification::resource_key();
    let nonce = || Nonce::assume_unique_for_key([1; 12]);
    let place = || Aad::from(b"users.session_key");
    let mut sealed = STANDARD.encode(open_data::session_key(7)).into_bytes();
    key.seal_in_place_append_tag(nonce(), place(), &mut sealed)
        .expect("a sealed key");
    let data = STANDARD.encode(open_data::encrypted(7, Clock::system().now()));
    repeat(|| {
        let mut bytes = sealed.clone();
        let text = key.open_in_place(nonce(), place(), &mut bytes).expect("it opens");
        let own: [u8; 16] = STANDARD
            .decode(text)
            .expect("base64")
            .try_into()
            .expect("16 bytes");
        let data = STANDARD.decode(black_box(&data)).expect("base64");
        let plain = decrypt(&own, &open_data::IV, &data);
        let parsed: IgnoredAny = serde_json::from_slice(plain.text()).expect("JSON");
        black_box((parsed, plain.is_padded()));
    })
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    resource: Resource<'a>,
}

#[derive(Deserialize)]
struct Resource<'a> {
    nonce: &'a str,
    associated_data: &'a str,
    ciphertext: &'a str,
}

#[derive(Deserialize)]
#[expect(clippy::struct_field_names, reason = "WeChat's names")]
struct Transaction<'a> {
    appid: &'a str,
    mchid: &'a str,
    out_trade_no: &'a str,
    transaction_id: &'a str,
    trade_state: &'a str,
    success_time: chrono::DateTime<chrono::Utc>,
    amount: Amount<'a>,
}

#[derive(Deserialize)]
struct Amount<'a> {
    total: i64,
    currency: &'a str,
}

fn open() -> f64 {
    let signing = SigningKey::from_pem(WECHAT_PRIVATE_KEY).expect("a key of the tests");
    let body = notification::craft(&signing, 1, Clock::system().now()).body;
    let key = notification::resource_key();
    repeat(|| open_one(&key, black_box(&body)))
}

fn open_one(key: &LessSafeKey, body: &[u8]) {
    let envelope: Envelope<'_> = serde_json::from_slice(body).expect("an envelope");
    let mut bytes = STANDARD.decode(envelope.resource.ciphertext).expect("base64");
    let nonce = Nonce::try_assume_unique_for_key(envelope.resource.nonce.as_bytes()).expect("a nonce");
    let plain = key
        .open_in_place(nonce, Aad::from(envelope.resource.associated_data), &mut bytes)
        .expect("it opens");
    let transaction: Transaction<'_> = serde_json::from_slice(plain).expect("a transaction");
    black_box((
        transaction.appid,
        transaction.mchid,
        transaction.out_trade_no,
        transaction.transaction_id,
        transaction.trade_state,
        transaction.success_time,
        transaction.amount.total,
        transaction.amount.currency,
    ));
}

/// Sixteen calls in flight on one thread, by the client that the server uses.
fn call(runtime: &Runtime, wechat: &StandIn) -> f64 {
    const CALLS: usize = 16 * 200;
    let client = reqwest::Client::builder().no_proxy().build().expect("a client");
    let url = format!("http://{}/ping", wechat.address);
    let round = || async {
        let asking = (0..16).map(|_| async {
            for _ in 0..CALLS / 16 {
                let answer = client.get(&url).send().await.expect("an answer");
                black_box(answer.bytes().await.expect("a body"));
            }
        });
        futures_util::future::join_all(asking).await;
    };
    runtime.block_on(round());
    let parts = (0..PARTS).map(|_| {
        let before = thread_cpu_ns();
        runtime.block_on(round());
        (thread_cpu_ns() - before) as f64 / CALLS as f64 / 1e3
    });
    median(parts.collect())
}

/// The middle time of making 8 kB durable, one after the other.
fn flush(disk: &Path) -> f64 {
    let path = disk.join("flush-test");
    let mut file = File::create(&path).expect("a file beside the database");
    file.write_all(&vec![0; 1 << 20]).expect("room on the disk");
    file.sync_all().expect("a flush");
    let times = (0..500_u64)
        .map(|number| {
            let started = Instant::now();
            file.write_all_at(&[1; 8192], number % 128 * 8192)
                .expect("room on the disk");
            file.sync_data().expect("a flush");
            started.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    std::fs::remove_file(path).expect("the file is ours");
    median(times)
}
