//! How a shop begins and ends.

use std::sync::Mutex;

use sqlx::PgPool;
use weir::app::App;
use weir::domain::clock::Clock;
use weir::simulator;

use super::{Setup, Shop, answer, books, database, log, now, secret, settings};

impl Shop {
    /// Opens a shop that is looked after by whoever opens it: [`shop_with`] is for all others.
    pub(crate) async fn open(setup: Setup) -> Self {
        let log_from = log::start();
        let database = match &setup.database_url {
            None => database::fresh().await,
            Some(url) => (String::new(), url.clone()),
        };
        let clock = Clock::manual(now());
        let simulator = simulator::start(settings::simulator(&setup)).await.unwrap();
        let shop = Self {
            replicas: Mutex::default(),
            simulator,
            db: PgPool::connect(&database.1).await.unwrap(),
            clock,
            http: answer::client(),
            database,
            request_ids: Mutex::default(),
            secrets: Mutex::default(),
            personal: Mutex::default(),
            announced: Mutex::default(),
            log_from,
        };
        shop.keep_secret(settings::secrets());
        for _ in 0..setup.replicas {
            shop.join(&setup).await;
        }
        shop
    }

    /// Asserts what must hold after every scenario, and takes everything down.
    pub(crate) async fn close(self) {
        log::assert_quiet(self.log_from, &self.request_ids, &self.announced);
        secret::assert_unlogged(&self).await;
        books::assert_balanced(&self.db).await;
        assert!(
            self.take_down().await,
            "a replica had to be stopped with work in hand"
        );
    }

    /// Takes everything down; tells whether every server ended what it had in hand.
    pub(crate) async fn take_down(self) -> bool {
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
        self.simulator.stop().await;
        self.db.close().await;
        if !self.database.0.is_empty() {
            database::drop(&self.database.0).await;
        }
        is_orderly
    }
}
