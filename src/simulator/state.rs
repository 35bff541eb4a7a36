//! What all requests share: the world behind one lock, and the things beside it.
//!
//! The lock is held for steps in memory and one append to the journal, never over RSA or the network.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Notify;
use tokio::sync::futures::Notified;
use url::Url;

use super::clock::Clock;
use super::error::Error;
use super::fault::{Api, Fault, Faults, RandomFaults, Struck};
use super::journal::Journal;
use super::key::{Signer, Verifier};
use super::log::Log;
use super::options::{App, Delivery, Options};
use super::outbound;
use super::push::Pushes;
use super::record::Record;
use super::rule::Rules;
use super::world::{World, first_certificate};

/// After a restart this many draws are skipped: those of answers, which the journal does not count.
const DRAWS_SKIPPED: u64 = 1 << 20;

/// The merchant, with keys ready for use.
pub(super) struct MerchantKeys {
    pub(super) mch_id: String,
    pub(super) name: String,
    pub(super) cert_serial: String,
    pub(super) verifier: Verifier,
    /// Only to forge notifications with.
    pub(super) signer: Option<Arc<Signer>>,
    pub(super) api_v3_key: SecretString,
}

/// What all requests share.
pub(super) struct Shared {
    pub(super) clock: Clock,
    pub(super) apps: Vec<App>,
    pub(super) merchant: MerchantKeys,
    pub(super) server_url: Option<Url>,
    pub(super) delivery: Delivery,
    pub(super) log: Log,
    pub(super) client: reqwest::Client,
    /// Told whenever a notification may have become due.
    pub(super) wake: Notify,
    /// Told whenever there is a new message to push.
    pub(super) push_wake: Notify,
    /// Held by whoever pushes all that is due.
    pub(super) push_turn: tokio::sync::Mutex<()>,
    /// Private keys in PEM for the rotations to come, the next one last.
    spare_keys: Mutex<Vec<SecretString>>,
    faults: Mutex<Faults>,
    /// Told whenever the faults change, under their lock.
    faults_changed: Notify,
    memory: Mutex<Memory>,
}

struct Memory {
    world: World,
    journal: Journal,
    /// Numbers of the notifications that are on their way at this moment.
    sending: BTreeSet<u64>,
}

impl Shared {
    /// Reads what the folder remembers, or begins a new world.
    pub(super) fn new(options: Options) -> Result<Self, Error> {
        options.check()?;
        let (mut journal, records) = options
            .folder
            .as_deref()
            .map_or_else(|| Ok((Journal::nowhere(), Vec::new())), Journal::open)?;
        let public = Signer::from_pem(&options.keys.public_id, options.keys.public.expose_secret())?;
        let mut world = World::new(
            options.seed,
            Arc::new(public),
            options.keys.mode,
            Rules::usual(options.delivery),
        );
        world.pushes = Pushes::new(&options.apps, options.server_url.clone());
        for record in records {
            match record {
                Record::Certificate(certificate) => world.restore_certificate(certificate)?,
                Record::Drawn(drawn) => world.apply(Record::Drawn(drawn.saturating_add(DRAWS_SKIPPED))),
                other => world.apply(other),
            }
        }
        let clock = Clock::new(world.clock_offset_s());
        let mut spare_keys = options.keys.platform.clone();
        spare_keys.reverse();
        if world.keys.certificates.is_empty()
            && let Some(first) = spare_keys.last()
        {
            first_certificate(&mut world, first.expose_secret(), clock.now())?;
        }
        spare_keys.retain(|spare| !world.has_platform_key(spare.expose_secret()));
        let _ = world.take_changed();
        if let Some(folder) = &options.folder {
            journal.begin(folder, &world.records(clock.now()))?;
        }
        let merchant = options.merchant;
        let signer = merchant
            .private_key
            .map(|pem| Signer::from_pem(&merchant.cert_serial, pem.expose_secret()).map(Arc::new))
            .transpose()?;
        Ok(Self {
            clock,
            apps: options.apps,
            merchant: MerchantKeys {
                verifier: Verifier::from_pem(&merchant.public_key)?,
                mch_id: merchant.mch_id,
                name: merchant.name,
                cert_serial: merchant.cert_serial,
                signer,
                api_v3_key: merchant.api_v3_key,
            },
            server_url: options.server_url,
            delivery: options.delivery,
            log: Log::default(),
            client: outbound::client()?,
            wake: Notify::new(),
            push_wake: Notify::new(),
            push_turn: tokio::sync::Mutex::new(()),
            spare_keys: Mutex::new(spare_keys),
            faults: Mutex::new(Faults::default()),
            faults_changed: Notify::new(),
            memory: Mutex::new(Memory {
                world,
                journal,
                sending: BTreeSet::new(),
            }),
        })
    }

    /// One step in the world, after all that time brought by itself; what changed is written down before this returns.
    pub(super) fn step<T>(&self, step: impl FnOnce(&mut World, DateTime<Utc>) -> T) -> T {
        let mut memory = unpoisoned(&self.memory);
        let now = self.clock.now();
        memory.world.let_time_pass(now);
        let outcome = step(&mut memory.world, now);
        if memory.world.pushes.take_fresh() {
            self.push_wake.notify_one();
        }
        let changed = memory.world.take_changed();
        if let Err(error) = memory.journal.append(&changed) {
            tracing::error!(%error, "the simulator cannot write its journal; a restart will forget");
        }
        outcome
    }

    /// Ends the writing of changes, so that another simulator may take the folder over.
    pub(super) fn let_go_of_folder(&self) {
        unpoisoned(&self.memory).journal = Journal::nowhere();
    }

    /// Takes a notification into hand that is due, if nobody else has it.
    pub(super) fn claim_due(&self) -> Option<super::record::Notification> {
        let now = self.step(|_, now| now);
        let mut memory = unpoisoned(&self.memory);
        let claimed = memory
            .world
            .notifications()
            .filter(|waiting| waiting.due_at.is_some_and(|due_at| due_at <= now))
            .filter(|waiting| !memory.sending.contains(&waiting.number))
            .min_by_key(|waiting| (waiting.due_at, waiting.number))
            .cloned()?;
        memory.sending.insert(claimed.number);
        Some(claimed)
    }

    /// Lets go of a notification taken by [`Self::claim_due`].
    pub(super) fn release(&self, number: u64) {
        unpoisoned(&self.memory).sending.remove(&number);
    }

    /// How long until a refund is decided or a notification is due that nobody has in hand.
    pub(super) fn next_due_in(&self) -> Option<TimeDelta> {
        let now = self.clock.now();
        let memory = unpoisoned(&self.memory);
        memory
            .world
            .notifications()
            .filter(|waiting| !memory.sending.contains(&waiting.number))
            .filter_map(|waiting| waiting.due_at)
            .chain(memory.world.refunds.next_due_at())
            .min()
            .map(|due_at| (due_at - now).max(TimeDelta::zero()))
    }

    pub(super) fn faults(&self) -> MutexGuard<'_, Faults> {
        unpoisoned(&self.faults)
    }

    /// What strikes the call that just came, and the first change of the faults from now on.
    pub(super) fn strike(&self, api: Api) -> (Struck, Notified<'_>) {
        let mut faults = self.faults();
        (faults.strike(api), self.faults_changed.notified())
    }

    /// Puts these faults in place of all earlier ones. Says what is wrong with them otherwise.
    pub(super) fn set_faults(
        &self,
        set: Vec<Fault>,
        random: Option<RandomFaults>,
    ) -> Result<(), &'static str> {
        let mut faults = self.faults();
        faults.set(set, random)?;
        self.faults_changed.notify_waiters();
        Ok(())
    }

    /// A private key in PEM for a rotation, if one was given that is not used up.
    pub(super) fn take_spare_key(&self) -> Option<SecretString> {
        unpoisoned(&self.spare_keys).pop()
    }

    /// The app of this id; the first one when none is named.
    pub(super) fn app(&self, app_id: Option<&str>) -> Option<&App> {
        app_id.map_or_else(
            || self.apps.first(),
            |wanted| self.apps.iter().find(|app| app.app_id == wanted),
        )
    }
}

/// A lock whose holder panicked is used all the same: the world is changed record by record.
pub(super) fn unpoisoned<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
