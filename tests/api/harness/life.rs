//! How a shop begins and ends.

use std::sync::Mutex;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use weir::app::App;
use weir::domain::clock::Clock;
use weir::simulator;

use super::{Setup, Shop, answer, books, database, files, log, now, secret, settings};

impl Shop {
    /// Opens a shop that is looked after by whoever opens it: [`shop_with`] is for all others.
    pub(crate) async fn open(setup: Setup) -> Self {
        let log_from = log::start();
        let database = match &setup.database_url {
            None => database::fresh().await,
            Some(url) => (String::new(), url.clone()),
        };
        let real = now();
        let ahead = TimeDelta::seconds(if setup.is_real_time {
            0
        } else {
            until_opening_s(real)
        });
        let shop = Self {
            replicas: Mutex::default(),
            simulator: simulator::start(settings::simulator(&setup)).await.unwrap(),
            db: PgPool::connect(&database.1).await.unwrap(),
            books: PgPoolOptions::new()
                .max_connections(1)
                .connect_lazy(&database.1)
                .unwrap(),
            clock: Clock::manual(real + ahead),
            http: answer::client(),
            database,
            request_ids: Mutex::default(),
            secrets: Mutex::default(),
            personal: Mutex::default(),
            announced: Mutex::default(),
            log_from,
            processes: Mutex::default(),
        };
        let advance = json!({ "advance_s": ahead.num_seconds() });
        shop.control("POST", "/simulator/clock", &advance).await;
        shop.keep_secret(settings::secrets());
        for _ in 0..setup.replicas {
            shop.join(&setup).await;
        }
        shop
    }

    /// Asserts what must hold after every scenario, and takes everything down.
    pub(crate) async fn close(self) {
        // What they do and say on their way out counts as well.
        let is_orderly = self.stop_servers().await;
        log::assert_quiet(self.log_from, &self.request_ids, &self.announced);
        secret::assert_unlogged(&self).await;
        self.assert_processes_quiet().await;
        books::assert_balanced(&self.books).await;
        files::assert_kept(&self.db, &self.files_folder()).await;
        self.take_down().await;
        assert!(is_orderly, "a replica had to be stopped with work in hand");
    }

    /// Stops every server; tells whether each ended what it had in hand.
    async fn stop_servers(&self) -> bool {
        let mut is_orderly = true;
        let apps: Vec<App> = {
            let mut replicas = self.replicas.lock().unwrap();
            replicas
                .iter_mut()
                .filter_map(|replica| replica.app.take())
                .collect()
        };
        for app in apps {
            is_orderly &= app.stop().await;
        }
        is_orderly
    }

    /// Takes everything down.
    pub(crate) async fn take_down(self) {
        self.stop_servers().await;
        let files = self.files_folder();
        self.simulator.stop().await;
        self.books.close().await;
        self.db.close().await;
        files::remove(&files);
        if !self.database.0.is_empty() {
            database::drop(&self.database.0).await;
        }
    }
}

/// Every shop opens at eleven in the morning of China, so that no scenario depends on when it is run: bills
/// are there from ten, and days end at midnight.
fn until_opening_s(real: DateTime<Utc>) -> i64 {
    const DAY_S: i64 = 86_400;
    const ELEVEN_IN_CHINA_S: i64 = 3 * 3_600;
    (ELEVEN_IN_CHINA_S - real.timestamp()).rem_euclid(DAY_S)
}
