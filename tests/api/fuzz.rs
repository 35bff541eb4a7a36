//! Ten thousand notifications that are almost right, or as many as `WEIR_NOTICES` says. The seed is printed;
//! `WEIR_FUZZ_SEED` runs one again.

use std::time::{Duration, Instant};

use aws_lc_rs::digest;
use futures_util::future::join_all;
use serde_json::json;
use weir::domain::entropy::Entropy;

use crate::harness::{Message, Shop, asked_for, shop, tell};
use crate::recorder::paid;

const NOTICES: u64 = 10_000;
/// In an ordinary run, so that it is the same one everywhere.
const SEED: u64 = 20_261_121;
const AT_ONCE: usize = 16;
/// None is slower in a long run, which has the machine for itself.
const SLOWEST_MAX: Duration = Duration::from_secs(1);
/// None is slower where other tests run beside.
const SLOWEST_AMONG_OTHERS_MAX: Duration = Duration::from_secs(15);

/// A stream of numbers that its seed alone decides.
struct Dice {
    seed: u64,
    drawn: u64,
}

impl Dice {
    /// A number under `bound`.
    fn roll(&mut self, bound: usize) -> usize {
        self.drawn += 1;
        let seed = [self.seed.to_be_bytes(), self.drawn.to_be_bytes()].concat();
        let hash = digest::digest(&digest::SHA256, &seed);
        let number = u64::from_be_bytes(hash.as_ref()[..8].try_into().unwrap());
        usize::try_from(number % u64::try_from(bound).unwrap()).unwrap()
    }

    fn flip(&mut self, bytes: &mut [u8]) {
        let at = self.roll(bytes.len());
        bytes[at] ^= 1 << self.roll(8);
    }
}

/// A header value with one bit changed that can still travel.
fn flipped(dice: &mut Dice, value: &str) -> String {
    loop {
        let mut bytes = value.as_bytes().to_vec();
        dice.flip(&mut bytes);
        let is_fit = bytes.iter().all(u8::is_ascii_graphic) && bytes != value.as_bytes();
        if let Ok(text) = String::from_utf8(bytes).map_err(drop)
            && is_fit
        {
            return text;
        }
    }
}

/// A time in seconds, up to eleven days and a half from `told`, never equal.
fn another_time(dice: &mut Dice, told: &str) -> String {
    let told: i64 = told.parse().unwrap();
    let moved = told - 1_000_000 + i64::try_from(dice.roll(2_000_000)).unwrap();
    if moved == told { moved + 1 } else { moved }.to_string()
}

const SIGNED: [&str; 4] = [
    "wechatpay-timestamp",
    "wechatpay-nonce",
    "wechatpay-signature",
    "wechatpay-serial",
];

/// One that must be refused, made of one that must be taken.
fn spoilt(dice: &mut Dice, genuine: &[Message]) -> (&'static str, Message) {
    let message = &genuine[dice.roll(genuine.len())];
    let other = &genuine[dice.roll(genuine.len())];
    let name = SIGNED[dice.roll(SIGNED.len())];
    let value = message.header(name).to_owned();
    match dice.roll(16) {
        0 | 1 => {
            let mut body = message.body.clone();
            for _ in 0..=dice.roll(3) {
                dice.flip(&mut body);
            }
            // Two flips of one bit are none.
            if body == message.body {
                body.push(b' ');
            }
            ("bits of the body", message.with_body(body))
        }
        2 | 3 => ("a bit of a header", message.with(name, &flipped(dice, &value))),
        4 => ("without a header", message.without(name)),
        5 => ("a header twice", message.and(name, &value)),
        6 => ("a header twice, once empty", message.and(name, "")),
        7 => {
            let serial: String = (0..40)
                .map(|_| char::from(b"0123456789ABCDEF"[dice.roll(16)]))
                .collect();
            ("another serial", message.with("wechatpay-serial", &serial))
        }
        8 => {
            let end = dice.roll(message.body.len());
            ("truncated", message.with_body(&message.body[..end]))
        }
        9 => {
            let mut body = message.body.clone();
            let at = dice.roll(body.len());
            body.splice(at..at, [0xff, 0xfe, 0xc0]);
            ("invalid UTF-8", message.with_body(body))
        }
        10 => {
            let open = ["[", "{\"a\":", "{\"resource\":{\"a\":["][dice.roll(3)];
            ("deep JSON", message.with_body(open.repeat(1 + dice.roll(20_000))))
        }
        11 => {
            let space = [" ", "\n", "\t", "\r\n"][dice.roll(4)];
            let mut body = message.body.clone();
            let at = if dice.roll(2) == 0 { 0 } else { body.len() };
            body.splice(at..at, space.bytes());
            ("white space", message.with_body(body))
        }
        12 => {
            let digits = "9".repeat(1 + dice.roll(400));
            ("a huge time", message.with("wechatpay-timestamp", &digits))
        }
        13 => {
            let moved = another_time(dice, message.header("wechatpay-timestamp"));
            ("another time", message.with("wechatpay-timestamp", &moved))
        }
        14 if other.body != message.body => ("another's body", message.with_body(other.body.clone())),
        14 => ("no body", message.with_body("")),
        _ => {
            let signature: String = (0..dice.roll(600))
                .map(|_| char::from(33 + u8::try_from(dice.roll(94)).unwrap()))
                .collect();
            (
                "another signature",
                message.with("wechatpay-signature", &signature),
            )
        }
    }
}

async fn genuine(shop: &Shop) -> Vec<Message> {
    let mut genuine = Vec::new();
    for _ in 0..8 {
        let (_, order) = paid(shop).await;
        let number = shop.number(&order).await;
        genuine.push(shop.message(json!({ "out_trade_no": number })).await);
    }
    genuine
}

/// How many, and the story: a long run tells another one each time.
fn length_and_seed() -> (u64, u64) {
    let (notices, seed) = match asked_for("WEIR_NOTICES", 0) {
        0 => (NOTICES, SEED),
        notices => (notices, u64::from_ne_bytes(Entropy::system().bytes().unwrap())),
    };
    (notices, asked_for("WEIR_FUZZ_SEED", seed))
}

#[tokio::test]
async fn nothing_that_is_almost_right_is_taken() {
    let (notices, seed) = length_and_seed();
    tell(&format!("{notices} notices, WEIR_FUZZ_SEED={seed}"));
    let patience = if asked_for("WEIR_SOAK", 0) > 0 {
        SLOWEST_MAX
    } else {
        SLOWEST_AMONG_OTHERS_MAX
    };
    shop(async |shop| {
        let genuine = genuine(shop).await;
        let before = shop.snapshot().await;
        let calls = shop.calls("certificates").await.len();
        let mut dice = Dice { seed, drawn: 0 };
        let began = Instant::now();
        let mut slowest = Duration::ZERO;
        let mut refused = 0;
        while refused < notices {
            let batch: Vec<_> = (0..AT_ONCE).map(|_| spoilt(&mut dice, &genuine)).collect();
            let sending = batch.iter().enumerate().map(async |(position, (what, message))| {
                let sent = Instant::now();
                // Both routes take either kind, so neither may be the easier one.
                let answer = match position % 2 {
                    0 => shop.post(message).await,
                    _ => shop.post_refund_notice(message).await,
                };
                (what, answer, sent.elapsed())
            });
            for (what, answer, took) in join_all(sending).await {
                assert_eq!(answer.status, 401, "seed {seed}: {what}: {answer:?}");
                assert_eq!(
                    answer.text(),
                    r#"{"code":"FAIL","message":"not believed"}"#,
                    "{what}"
                );
                assert!(took < patience, "seed {seed}: {what} took {took:?}");
                slowest = slowest.max(took);
                refused += 1;
            }
        }
        tell(&format!(
            "{refused} refused in {:?}, the slowest in {slowest:?}",
            began.elapsed()
        ));
        assert_eq!(shop.snapshot().await, before);
        // Random serials cost one download a minute, and the clock stood still.
        assert!(shop.calls("certificates").await.len() <= calls + 1);
        for message in &genuine {
            assert_eq!(shop.post(message).await.status, 204);
        }
        assert_eq!(shop.verdicts().await, ["settled"; 8]);
    })
    .await;
}
