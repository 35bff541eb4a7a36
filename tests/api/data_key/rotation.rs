//! Sealing again: while people log in, on several servers, through a kill.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use futures_util::future::join;
use weir::domain::entropy::Entropy;

use super::{
    a_minute_later, count_under, fresh_key, in_a_shop, keyed, log_in_at, opened, place, populate, vault,
};
use crate::harness::{Server, asked_for, tell, until};

/// In an ordinary run; a long one says how many in `WEIR_SEALED`.
const USERS: u64 = 2_000;

#[tokio::test]
async fn everything_opens_with_the_new_key_alone_although_people_log_in_meanwhile() {
    in_a_shop(async |shop, old, new| {
        let mut people = Vec::new();
        for _ in 0..6 {
            people.push(shop.phone().await.user_id);
        }
        for person in &people {
            shop.advance(1).await;
            log_in_at(shop, 0, person, false).await;
        }
        for person in &people[..3] {
            log_in_at(shop, 0, person, true).await;
        }
        let before = opened(shop, &[old]).await;
        shop.advance(1).await;
        let both = shop.join(&keyed(&[new, old])).await;
        // Two get another session key while the loop is at work, one keeps theirs.
        join(shop.run_workers_of(both), async {
            log_in_at(shop, both, &people[0], true).await;
            log_in_at(shop, both, &people[4], true).await;
            log_in_at(shop, both, &people[5], false).await;
        })
        .await;
        assert!(shop.stop(0).await);
        a_minute_later(shop, both).await;
        assert_eq!(count_under(shop, old).await, 0);

        let alone = shop.join(&keyed(&[new])).await;
        let after = opened(shop, &[new]).await;
        for (person, (before, after)) in before.iter().zip(&after).enumerate() {
            assert_eq!(before.0, after.0);
            if [0, 4].contains(&person) {
                assert_ne!(before.1, after.1, "logged in with another key");
                assert_eq!(Some(&before.1), after.2.as_ref(), "whose predecessor is kept");
            } else {
                assert_eq!((&before.1, &before.2), (&after.1, &after.2));
            }
        }
        // The hashes went along: the same session key again is still the same.
        for person in &people {
            log_in_at(shop, alone, person, false).await;
        }
        assert_eq!(opened(shop, &[new]).await, after);
    })
    .await;
}

#[tokio::test]
async fn two_servers_share_the_work_whatever_its_size() {
    in_a_shop(async |shop, old, new| {
        let users = asked_for("WEIR_SEALED", USERS);
        populate(shop, old, users, 0).await;
        let before = opened(shop, &[old]).await;
        shop.advance(1).await;
        let setup = keyed(&[new, old]);
        let (first, second) = (shop.join(&setup).await, shop.join(&setup).await);
        let start = Instant::now();
        let (one, other) = join(shop.run_workers_of(first), shop.run_workers_of(second)).await;
        tell(&format!("{users} users took {:?}", start.elapsed()));
        assert!(one.is_empty() && other.is_empty(), "{one:?} {other:?}");
        assert_eq!(opened(shop, &[new]).await, before);
    })
    .await;
}

#[tokio::test]
async fn a_login_that_comes_between_reading_and_writing_is_not_undone() {
    in_a_shop(async |shop, old, new| {
        populate(shop, old, 3, 0).await;
        shop.advance(1).await;
        let both = shop.join(&keyed(&[new, old])).await;
        let (vault, openid, plain) = (vault(&[new]), "oMany00000002", "NewestKeyOfThisLogin====");
        let sealed = vault.seal(&place(openid), plain.as_bytes(), Entropy::system());
        let mut login = shop.db.begin().await.unwrap();
        sqlx::query("update users set session_key = $2, session_key_hash = $3 where openid = $1")
            .bind(openid)
            .bind(sealed.unwrap())
            .bind(vault.hashes(plain.as_bytes()).remove(0))
            .execute(&mut *login)
            .await
            .unwrap();
        // The loop reads what was before that login, and writes when it is over; or it stays away.
        let is_done = AtomicBool::new(false);
        let working = async {
            assert!(shop.run_workers_of(both).await.is_empty());
            is_done.store(true, Ordering::SeqCst);
        };
        join(working, async {
            until(async || is_done.load(Ordering::SeqCst) || shop.lock_waiters().await > 0).await;
            login.commit().await.unwrap();
        })
        .await;
        let kept = opened(shop, &[new, old]).await;
        assert_eq!(kept[1].1, plain);
        a_minute_later(shop, both).await;
        let kept = opened(shop, &[new]).await;
        assert_eq!(kept[1].1, plain);
        assert!(kept[0].1.ends_with("01==") && kept[2].1.ends_with("03=="));
    })
    .await;
}

#[tokio::test]
async fn rows_in_other_hands_are_passed_over_and_done_later() {
    in_a_shop(async |shop, old, new| {
        populate(shop, old, 450, 0).await;
        shop.advance(1).await;
        let both = shop.join(&keyed(&[new, old])).await;
        let mut held = shop.db.begin().await.unwrap();
        sqlx::query("select from users where id < '00000000-0000-0000-0000-000000000033' for update")
            .execute(&mut *held)
            .await
            .unwrap();
        // Nobody waits for a lock: that would fail the turn.
        assert!(shop.run_workers_of(both).await.is_empty());
        assert_eq!(count_under(shop, old).await, 100);
        held.rollback().await.unwrap();
        a_minute_later(shop, both).await;
        assert_eq!(count_under(shop, old).await, 0);
    })
    .await;
}

#[tokio::test]
async fn a_kill_in_the_middle_loses_nothing() {
    in_a_shop(async |shop, old, new| {
        populate(shop, old, USERS, 0).await;
        let before = opened(shop, &[old]).await;
        shop.advance(1).await;
        let setup = keyed(&[new, old]);
        // Its clock is the real one, by which WeChat Pay takes no signature here.
        shop.announce("wechat_rejected");
        let server = Server::start(shop, &shop.variables(&setup)).await;
        until(async || count_under(shop, new).await > 0).await;
        // From now on it reads and locks rows, and cannot write them.
        let mut held = shop.db.begin().await.unwrap();
        sqlx::query("lock table users in share mode")
            .execute(&mut *held)
            .await
            .unwrap();
        let left = count_under(shop, old).await;
        until(async || shop.lock_waiters().await > 0).await;
        assert!(server.kill().await);
        held.rollback().await.unwrap();
        assert!(left > 0, "the kill came too late");
        assert_eq!(opened(shop, &[new, old]).await, before);

        shop.advance(1).await;
        let both = shop.join(&setup).await;
        assert!(shop.run_workers_of(both).await.is_empty());
        assert_eq!(opened(shop, &[new]).await, before);
    })
    .await;
}

#[tokio::test]
async fn servers_that_disagree_about_the_newest_key_do_not_undo_each_others_work() {
    in_a_shop(async |shop, old, new| {
        populate(shop, old, 20, 0).await;
        let seals_with = async |key: &str| (count_under(shop, old).await, count_under(shop, key).await);
        shop.advance(1).await;
        // The old server knows both by now, and the first of the new ones has come.
        let knows_both = shop.join(&keyed(&[old, new])).await;
        shop.advance(1).await;
        let newest = shop.join(&keyed(&[new, old])).await;
        assert!(shop.run_workers_of(newest).await.is_empty());
        assert_eq!(seals_with(new).await, (0, 40));
        a_minute_later(shop, knows_both).await;
        assert_eq!(
            seals_with(new).await,
            (0, 40),
            "it lets the later one have its way"
        );
        // The operator goes back.
        shop.advance(1).await;
        let back = shop.join(&keyed(&[old, new])).await;
        assert!(shop.run_workers_of(back).await.is_empty());
        assert_eq!(seals_with(new).await, (40, 0));
        a_minute_later(shop, newest).await;
        assert_eq!(seals_with(new).await, (40, 0));
        // And two keys before the newest are two keys to be left.
        shop.advance(1).await;
        log_in_at(shop, newest, &shop.phone().await.user_id, false).await;
        let third = fresh_key();
        let last = shop.join(&keyed(&[&third, new, old])).await;
        assert!(shop.run_workers_of(last).await.is_empty());
        assert_eq!(seals_with(&third).await, (0, 41));
        assert_eq!(count_under(shop, new).await, 0);
    })
    .await;
}
