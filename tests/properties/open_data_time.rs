//! Whether the time of a refusal tells a right padding from a wrong one.
//!
//! Two texts that differ in nothing but their padding are opened in turn, a thousand times each, and the
//! quarter that took least of each is compared: what else the machine does only ever adds time, and
//! falls on both alike. They come out within a few thousandths of each other, also on a busy machine. The bound
//! is a fortieth, which is generous against that, and a third of what ending early at a wrong padding
//! saves in this build (558 us in place of 605). A difference of a few nanoseconds would pass; over a
//! network nobody could see it either, with ten guesses.

use std::hint::black_box;
use std::time::Instant;

use weir::domain::open_data::Refusal;
use weir::wechat::mini::open_data::Sealed;
use weir::wechat::secret::SessionKey;

use crate::open_data::{WATERMARK, encrypt, key, open, padded, sealed};

const ROUNDS: usize = 1_000;
/// The most by which the slower may be slower: one part in so many.
const TOLERATED: u64 = 40;
/// How often a comparison that came out uneven is made once more: a machine that is stopped in the middle
/// of one is no news, a way that ends early comes out uneven each time.
const TRIES: usize = 5;

/// The blocks of a long text that would be believed but for its mini program, and the same with a padding
/// that is none.
fn twins(key: &SessionKey) -> [Sealed; 2] {
    let day = r#"{"timestamp":1699891200,"step":1234},"#.repeat(150);
    let days = day.trim_end_matches(',');
    let foreign = WATERMARK.replace("wx1", "wx2");
    let right = padded(format!("{{\"stepInfoList\":[{days}],{foreign}}}").as_bytes());
    let mut wrong = right.clone();
    *wrong.last_mut().unwrap() = 0;
    [right, wrong].map(|blocks| sealed(&encrypt(key, [9; 16], blocks), [9; 16]))
}

/// Blocks that are nonsense from the first byte on, with a padding and without.
fn nonsense(key: &SessionKey) -> [Sealed; 2] {
    let of = |last: u8| {
        let mut blocks = vec![0xff; 4_096];
        *blocks.last_mut().unwrap() = last;
        sealed(&encrypt(key, [9; 16], blocks), [9; 16])
    };
    [of(1), of(0)]
}

/// The nanoseconds under which the quickest quarter of each of the two stayed.
fn quarter_ns(twins: &[Sealed; 2], keys: &[SessionKey]) -> [u64; 2] {
    let mut samples = [Vec::with_capacity(ROUNDS), Vec::with_capacity(ROUNDS)];
    for round in 0..ROUNDS {
        // Now one first, now the other.
        for which in [round % 2, 1 - round % 2] {
            let started = Instant::now();
            let outcome = open(black_box(&twins[which]), keys);
            let taken = started.elapsed();
            assert!(black_box(outcome).is_err());
            samples[which].push(u64::try_from(taken.as_nanos()).unwrap());
        }
    }
    samples.map(|mut of_one| {
        of_one.sort_unstable();
        of_one[ROUNDS / 4]
    })
}

#[expect(
    clippy::print_stdout,
    reason = "the times, for whoever runs it with --nocapture"
)]
fn assert_even(what: &str, twins: &[Sealed; 2], keys: &[SessionKey]) {
    let mut seen = Vec::new();
    let is_even = (0..TRIES).any(|_| {
        let [right, wrong] = quarter_ns(twins, keys);
        seen.push((right, wrong));
        right.abs_diff(wrong) <= right.min(wrong) / TOLERATED
    });
    println!("{what}: nanoseconds with a right and with a wrong padding: {seen:?}");
    assert!(
        is_even,
        "{what}: nanoseconds with a right and with a wrong padding: {seen:?}"
    );
}

#[test]
fn a_wrong_padding_takes_as_long_as_a_right_one() {
    let keys = [key(1), key(2)];
    let long = twins(&keys[0]);
    assert_eq!(
        long.each_ref().map(|one| open(one, &keys).err()),
        [Some(Refusal::App), Some(Refusal::NoKey)]
    );
    assert_even("a text that could be read", &long, &keys);
    assert_even("nonsense", &nonsense(&keys[0]), &keys);
}
