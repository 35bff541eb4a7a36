//! `weir reconcile` killed at any moment, again and again: whoever comes next ends with the same result.

use std::process::Stdio;
use std::time::{Duration, Instant};

use sqlx::{Connection as _, PgConnection};
use weir::domain::entropy::Entropy;

use crate::bills::Day;
use crate::migrate::with_database;
use crate::program::folder;
use crate::reconcile::{Bills, fill, found, migrated, reconcile, watched, yesterday};

/// In an ordinary run; a long one kills half as often as it kills servers, which `WEIR_KILLS` says.
const KILLS: u64 = 20;
const PAYMENTS: u64 = 4_000;
const DEFECTS: usize = 40;
/// What waits for a dead one's two minutes to pass.
const TIME_PASSES: &str = "update reconciliations set lease_until = lease_until - interval '3 minutes' where lease_until is not null";

#[tokio::main(flavor = "current_thread")]
async fn count(database_url: &str, sql: &'static str) -> i64 {
    let mut connection = PgConnection::connect(database_url).await.unwrap();
    sqlx::query_scalar(sql).fetch_one(&mut connection).await.unwrap()
}

#[test]
fn a_comparison_that_is_killed_at_any_moment_ends_with_the_same_result() {
    let kills: u64 = std::env::var("WEIR_KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let kills = kills.div_ceil(2);
    let seed = u64::from_be_bytes(Entropy::system().bytes().unwrap());
    println!("{kills} kills, seed {seed}");
    let day = Day::new(yesterday(), PAYMENTS, DEFECTS, seed);
    with_database(|url| {
        let folder = folder();
        migrated(folder.path(), url);
        fill(url, day.books());
        let bills = [("trade", day.trade_bill(), true), ("flow", day.flow_bill(), true)];
        let wechat = Bills::serve(day.date, bills);
        let date = day.date.to_string();

        let (mut struck, mut in_the_middle, mut draws) = (0, 0, seed | 1);
        // About as long as it takes, learned from how it went: it must be killed at its beginning and at its end.
        // A day without a bill tells how long the beginning takes here.
        let begun = Instant::now();
        let empty = day.date.pred_opt().unwrap().to_string();
        assert_eq!(watched(reconcile(folder.path(), url, &wechat, &empty)).0, Some(0));
        let mut longest_ms = 1_000 + 2 * u64::try_from(begun.elapsed().as_millis()).unwrap();
        while struck < kills || (in_the_middle == 0 && struck < 10 * kills) {
            draws = draws.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
            let mut comparing = reconcile(folder.path(), url, &wechat, &date)
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            std::thread::sleep(Duration::from_millis((draws >> 33) % longest_ms));
            if let Some(status) = comparing.try_wait().unwrap() {
                assert_eq!(status.code(), Some(1), "the result is another");
                longest_ms = longest_ms * 9 / 10 + 1;
                continue;
            }
            comparing.kill().unwrap();
            comparing.wait().unwrap();
            struck += 1;
            longest_ms += longest_ms / 20;
            let left =
                "select (select count(*) from bill_rows) + (select count(*) from reconciliation_differences d
                join reconciliations r on r.id = d.reconciliation_id where r.finished_at is null)";
            in_the_middle += i64::from(count(url, left) > 0);
            fill(url, vec![TIME_PASSES.to_owned()]);
        }
        println!("{in_the_middle} of {struck} in the middle of a comparison");
        assert!(in_the_middle > 0, "none was killed in the middle");

        let (status, text, _) = watched(reconcile(folder.path(), url, &wechat, &date));
        assert_eq!(status, Some(1), "{text}");
        assert!(text.contains(&format!("differences {DEFECTS}\n")), "{text}");
        assert_eq!(found(url), day.expected());
        let named = "select count(*) from exceptions where kind like 'reconciliation%'";
        assert_eq!(count(url, named), i64::try_from(DEFECTS).unwrap());
        // Whoever came to an end came to the same one, and leaves nothing.
        let others = "select count(*) from reconciliations where status <> 'balanced' and (status <> 'differing' or difference_count <> 40)";
        assert_eq!(count(url, others), 0);
        assert_eq!(count(url, "select count(*) from bill_rows"), 0);
    });
}
