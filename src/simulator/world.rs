//! The simulator's world in memory, and the one door through which it changes.
//!
//! Every change is a [`Record`] put into the world; the same records are what the journal holds.
//! So whatever the simulator knows, it also knows after a restart.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use super::bill::Tickets;
use super::certificate;
use super::content::CheckCounts;
use super::entropy::Entropy;
use super::error::Error;
use super::key::{KeyRing, PlatformCertificate, Signer};
use super::landing::Landings;
use super::mini::token::AppTokens;
use super::push::Pushes;
use super::record::{About, CertificateRecord, LoginCode, Notification, Order, Payment, Record, User};
use super::refund::{Refund, RefundStatus, Refunds};
use super::rule::Rules;
use super::shipping::{self, Shippings};
use super::subscribe::Subscriptions;
use super::voucher::Vouchers;

/// Codes older than this are forgotten: they answer as unknown instead of expired.
const LOGIN_CODE_KEPT: TimeDelta = TimeDelta::hours(1);
/// Sheets that nobody ever closed: past this many the oldest is forgotten.
const CASHIERS_MAX: usize = 10_000;

/// Everything that the simulated `WeChat` knows.
pub(super) struct World {
    pub(super) entropy: Entropy,
    pub(super) keys: KeyRing,
    clock_offset_s: i64,
    certificates: Vec<CertificateRecord>,
    users: BTreeMap<String, User>,
    users_by_openid: HashMap<(String, String), String>,
    login_codes: HashMap<String, LoginCode>,
    pub(super) vouchers: Vouchers,
    pub(super) subscriptions: Subscriptions,
    pub(super) landings: Landings,
    tokens: BTreeMap<String, AppTokens>,
    orders: BTreeMap<String, Order>,
    orders_by_prepay_id: HashMap<String, String>,
    orders_by_transaction_id: HashMap<String, String>,
    pub(super) refunds: Refunds,
    pub(super) shippings: Shippings,
    rules: Rules,
    pub(super) pushes: Pushes,
    /// Not kept over a restart.
    pub(super) tickets: Tickets,
    /// Not kept over a restart.
    pub(super) check_counts: CheckCounts,
    /// Only those that are still to be delivered, by number.
    notifications: BTreeMap<u64, Notification>,
    /// Open sheets, oldest first; not kept over a restart.
    cashiers: VecDeque<(String, Cashier)>,
    /// Put since the journal was last written.
    changed: Vec<Record>,
}

/// The cashier's sheet, open on a phone.
pub(super) struct Cashier {
    pub(super) out_trade_no: String,
}

impl World {
    /// A world in which nothing happened yet, but for the keys.
    pub(super) fn new(seed: u64, public: Arc<Signer>, mode: super::key::KeyMode, rules: Rules) -> Self {
        Self {
            entropy: Entropy::new(seed, 0),
            keys: KeyRing {
                mode,
                certificates: Vec::new(),
                public,
            },
            clock_offset_s: 0,
            certificates: Vec::new(),
            users: BTreeMap::new(),
            users_by_openid: HashMap::new(),
            login_codes: HashMap::new(),
            vouchers: Vouchers::default(),
            subscriptions: Subscriptions::default(),
            landings: Landings::default(),
            tokens: BTreeMap::new(),
            orders: BTreeMap::new(),
            orders_by_prepay_id: HashMap::new(),
            orders_by_transaction_id: HashMap::new(),
            refunds: Refunds::default(),
            shippings: Shippings::default(),
            rules,
            pushes: Pushes::default(),
            tickets: Tickets::default(),
            check_counts: CheckCounts::default(),
            notifications: BTreeMap::new(),
            cashiers: VecDeque::new(),
            changed: Vec::new(),
        }
    }

    /// Makes a change, to be written to the journal.
    pub(super) fn put(&mut self, record: Record) {
        self.changed.push(record.clone());
        self.apply(record);
    }

    /// Makes a platform certificate known, from now on the one that signs.
    pub(super) fn put_certificate(&mut self, private_pem: &str, made: PlatformCertificate) {
        let record = CertificateRecord {
            serial: made.signer.serial().to_owned(),
            private_pem: private_pem.to_owned(),
            certificate_pem: made.certificate_pem.clone(),
            effective_at: made.effective_at,
            expires_at: made.expires_at,
        };
        self.changed.push(Record::Certificate(record.clone()));
        self.certificates.push(record);
        self.keys.certificates.push(Arc::new(made));
    }

    /// Makes a platform certificate of the journal known again.
    pub(super) fn restore_certificate(&mut self, record: CertificateRecord) -> Result<(), Error> {
        let signer = Arc::new(Signer::from_pem(&record.serial, &record.private_pem)?);
        self.keys.certificates.push(Arc::new(PlatformCertificate {
            signer,
            certificate_pem: record.certificate_pem.clone(),
            effective_at: record.effective_at,
            expires_at: record.expires_at,
        }));
        self.certificates.push(record);
        Ok(())
    }

    /// Makes a change without remembering it: what the journal says happened.
    pub(super) fn apply(&mut self, record: Record) {
        match record {
            Record::Drawn(drawn) => self.entropy.skip_to(drawn),
            Record::ClockOffset(offset_s) => self.clock_offset_s = offset_s,
            Record::Mode(mode) => self.keys.mode = mode,
            // Certificates need parsing, which may fail: they come through `restore_certificate`.
            Record::Certificate(_) => {}
            Record::User(user) => {
                for (app_id, identity) in &user.identities {
                    let name = (app_id.clone(), identity.openid.clone());
                    self.users_by_openid.insert(name, user.user_id.clone());
                }
                self.users.insert(user.user_id.clone(), user);
            }
            Record::LoginCode(code) => {
                self.login_codes.insert(code.code.clone(), code);
            }
            Record::PhoneCode(code) => self.vouchers.apply_phone_code(code),
            Record::CloudId(id) => self.vouchers.apply_cloud_id(id),
            Record::Tokens(tokens) => {
                self.tokens.insert(tokens.app_id.clone(), tokens);
            }
            Record::Order(order) => self.apply_order(order),
            Record::Refund(refund) => self.refunds.apply(refund),
            Record::Shipping(shipping) => self.shippings.apply(shipping),
            Record::ShippingManaged { app_id, is_managed } => self.shippings.manage(app_id, is_managed),
            Record::Rules(rules) => self.rules = rules,
            Record::SubscribeTemplate(template) => self.subscriptions.apply_template(template),
            Record::SubscribePermission(permission) => self.subscriptions.apply_permission(permission),
            Record::SubscribeMessage(message) => self.subscriptions.apply_message(message),
            Record::Landing(landing) => self.landings.apply(landing),
            Record::Published(published) => self.landings.apply_published(published),
            Record::CodesUsed(used) => self.landings.apply_used(used),
            Record::PushSettings(settings) => self.pushes.set(settings),
            Record::Push(waiting) => self.pushes.apply(waiting),
            Record::Notification(notification) if notification.due_at.is_some() => {
                self.notifications.insert(notification.number, notification);
            }
            Record::Notification(notification) => {
                self.notifications.remove(&notification.number);
            }
        }
    }

    fn apply_order(&mut self, order: Order) {
        for prepay in &order.prepays {
            self.orders_by_prepay_id
                .insert(prepay.prepay_id.clone(), order.out_trade_no.clone());
        }
        if let Some(payment) = &order.payment {
            let transaction_id = payment.transaction_id.clone();
            self.orders_by_transaction_id
                .insert(transaction_id, order.out_trade_no.clone());
        }
        self.orders.insert(order.out_trade_no.clone(), order);
    }

    /// What changed since this was last asked, for the journal.
    pub(super) fn take_changed(&mut self) -> Vec<Record> {
        let mut changed = std::mem::take(&mut self.changed);
        if !changed.is_empty() {
            changed.push(Record::Drawn(self.entropy.drawn()));
        }
        changed
    }

    /// Everything worth keeping, for a fresh journal.
    pub(super) fn records(&self, now: DateTime<Utc>) -> Vec<Record> {
        let head = [
            Record::Drawn(self.entropy.drawn()),
            Record::ClockOffset(self.clock_offset_s),
            Record::Mode(self.keys.mode),
            Record::Rules(self.rules.clone()),
        ];
        let fresh_codes = self
            .login_codes
            .values()
            .filter(|code| code.created_at + LOGIN_CODE_KEPT > now)
            .cloned();
        head.into_iter()
            .chain(self.certificates.iter().cloned().map(Record::Certificate))
            .chain(self.users.values().cloned().map(Record::User))
            .chain(fresh_codes.map(Record::LoginCode))
            .chain(self.vouchers.records(now))
            .chain(self.subscriptions.records())
            .chain(self.landings.records(now))
            .chain(self.tokens.values().cloned().map(Record::Tokens))
            .chain(self.orders.values().cloned().map(Record::Order))
            .chain(self.refunds.all().cloned().map(Record::Refund))
            .chain(self.shippings.records())
            .chain(self.notifications.values().cloned().map(Record::Notification))
            .chain(self.pushes.records())
            .collect()
    }

    pub(super) const fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Does what happens by itself as time goes by: refunds are decided, receipts confirmed, money set free,
    /// certificates withdrawn.
    pub(super) fn let_time_pass(&mut self, now: DateTime<Utc>) {
        let withdrawn = certificate::withdrawn(&self.certificates, now);
        self.certificates.drain(..withdrawn);
        self.keys.certificates.drain(..withdrawn);
        while let Some(due) = self.refunds.due(now).cloned() {
            let (decided_at, status) = (due.decide_at.unwrap_or(now), due.ends_as);
            self.decide_refund(due, status, decided_at);
        }
        shipping::let_time_pass(self, now);
    }

    /// Ends a refund, or moves an abnormal one on, and makes the notification that says so.
    pub(super) fn decide_refund(
        &mut self,
        refund: Refund,
        status: RefundStatus,
        at: DateTime<Utc>,
    ) -> Refund {
        let decided = Refund {
            status,
            decided_at: Some(at),
            decide_at: None,
            ..refund
        };
        // Without an address nobody is told: the form of old that goes to the console's address is not played.
        if decided.notify_url.is_some() {
            let about = About::Refund {
                out_refund_no: decided.out_refund_no.clone(),
                status,
            };
            let notification = Notification::new(&mut self.entropy, &decided.out_trade_no, about, at);
            self.put(Record::Notification(notification));
        }
        self.put(Record::Refund(decided.clone()));
        decided
    }

    pub(super) const fn clock_offset_s(&self) -> i64 {
        self.clock_offset_s
    }

    /// Whether a platform certificate is known that has this private key.
    pub(super) fn has_platform_key(&self, private_pem: &str) -> bool {
        self.certificates
            .iter()
            .any(|known| known.private_pem == private_pem)
    }

    pub(super) fn user(&self, user_id: &str) -> Option<&User> {
        self.users.get(user_id)
    }

    /// Everybody, oldest first.
    pub(super) fn users(&self) -> Vec<User> {
        let mut users: Vec<User> = self.users.values().cloned().collect();
        users.sort_by_key(|user| user.number);
        users
    }

    pub(super) fn user_count(&self) -> usize {
        self.users.len()
    }

    pub(super) fn user_by_openid(&self, app_id: &str, openid: &str) -> Option<&User> {
        let name = (app_id.to_owned(), openid.to_owned());
        self.users_by_openid
            .get(&name)
            .and_then(|user_id| self.users.get(user_id))
    }

    /// Whether a person has this name in any mini program.
    pub(super) fn has_openid_elsewhere(&self, openid: &str) -> bool {
        self.users_by_openid.keys().any(|(_, known)| known == openid)
    }

    pub(super) fn login_code(&self, code: &str) -> Option<&LoginCode> {
        self.login_codes.get(code)
    }

    /// Forgets login codes that are long dead, so that memory does not grow for ever.
    pub(super) fn forget_login_codes(&mut self, now: DateTime<Utc>) {
        self.login_codes
            .retain(|_, code| code.created_at + LOGIN_CODE_KEPT > now);
    }

    /// The tokens of an app; none fetched yet: an empty set.
    pub(super) fn tokens(&self, app_id: &str) -> AppTokens {
        self.tokens
            .get(app_id)
            .cloned()
            .unwrap_or_else(|| AppTokens::new(app_id))
    }

    pub(super) fn all_tokens(&self) -> impl Iterator<Item = &AppTokens> {
        self.tokens.values()
    }

    pub(super) fn order(&self, out_trade_no: &str) -> Option<&Order> {
        self.orders.get(out_trade_no)
    }

    pub(super) fn order_by_prepay_id(&self, prepay_id: &str) -> Option<&Order> {
        self.orders_by_prepay_id
            .get(prepay_id)
            .and_then(|number| self.orders.get(number))
    }

    pub(super) fn order_by_transaction_id(&self, transaction_id: &str) -> Option<&Order> {
        self.orders_by_transaction_id
            .get(transaction_id)
            .and_then(|number| self.orders.get(number))
    }

    pub(super) fn order_count(&self) -> usize {
        self.orders.len()
    }

    /// All orders that were paid.
    pub(super) fn payments(&self) -> impl Iterator<Item = (&Order, &Payment)> {
        self.orders
            .values()
            .filter_map(|order| order.payment.as_ref().map(|payment| (order, payment)))
    }

    /// All orders, oldest first.
    pub(super) fn orders(&self) -> Vec<Order> {
        let mut orders: Vec<Order> = self.orders.values().cloned().collect();
        orders.sort_by_key(|order| order.number);
        orders
    }

    pub(super) fn open_cashier(&mut self, cashier_id: String, cashier: Cashier) {
        if self.cashiers.len() >= CASHIERS_MAX {
            self.cashiers.pop_front();
        }
        self.cashiers.push_back((cashier_id, cashier));
    }

    pub(super) fn close_cashier(&mut self, cashier_id: &str) -> Option<Cashier> {
        let place = self.cashiers.iter().position(|(known, _)| known == cashier_id)?;
        self.cashiers.remove(place).map(|(_, cashier)| cashier)
    }

    /// Those still to be delivered, oldest first.
    pub(super) fn notifications(&self) -> impl Iterator<Item = &Notification> {
        self.notifications.values()
    }
}

/// Makes the first platform certificate of a new world.
pub(super) fn first_certificate(
    world: &mut World,
    private_pem: &str,
    now: DateTime<Utc>,
) -> Result<(), Error> {
    let serial = certificate::serial_from(world.entropy.bytes());
    // Good since a day, so that a client whose clock is behind accepts it.
    let made = certificate::platform(&serial, private_pem, now - TimeDelta::days(1))?;
    world.put_certificate(private_pem, made);
    Ok(())
}
