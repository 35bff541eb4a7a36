//! The bills against the books and the books against the bills, a page at a time.

use std::collections::BTreeMap;

use serde_json::json;

use super::lease::{Lease, Setback};
use super::stage::Staged;
use crate::domain::exception::ExceptionKind;
use crate::domain::reconciliation::DifferenceKind;
use crate::error::AppError;
use crate::service::Context;
use crate::store;
use crate::store::comparison::{Foreign, Found, Place, Scope};
use crate::store::database::Transaction;
use crate::store::difference::NewDifference;
use crate::store::exception::NewException;
use crate::store::reconciliation::Figures;

/// Rows that one statement compares.
pub(super) const PAGE_ROWS: i64 = 2_000;
/// Differences that are written down; more are counted.
pub(super) const LISTED_MAX: i64 = 10_000;
/// Mini programs of other systems that are told of.
const FOREIGN_APPS_MAX: usize = 20;

/// A comparison under way.
pub(super) struct Comparison<'a> {
    pub(super) context: &'a Context,
    pub(super) lease: &'a Lease,
    pub(super) scope: Scope,
    pub(super) staged: Staged,
    figures: Figures,
    foreign: BTreeMap<String, Foreign>,
}

impl<'a> Comparison<'a> {
    pub(super) fn new(context: &'a Context, lease: &'a Lease, staged: Staged) -> Result<Self, AppError> {
        let scope = Scope {
            token: lease.token,
            bounds: crate::domain::reconciliation::bounds(lease.bill_date),
            mch_id: context.merchant()?.merchant().mch_id().as_str().to_owned(),
            app_ids: context
                .mini_programs
                .secrets
                .keys()
                .map(ToString::to_string)
                .collect(),
        };
        let figures = Figures {
            movement_count: staged.flow.unwrap_or(0),
            ..Figures::default()
        };
        Ok(Self {
            context,
            lease,
            scope,
            staged,
            figures,
            foreign: BTreeMap::new(),
        })
    }

    /// Compares everything; gives the figures.
    pub(super) async fn run(mut self) -> Result<Figures, Setback> {
        self.note().await?;
        self.bill_with_books().await?;
        self.payments_with_bill().await?;
        self.refunds_with_bill().await?;
        self.movements_with_books().await?;
        self.payments_near_midnight().await?;
        self.refunds_over_days().await?;
        self.tell_of_foreign().await?;
        Ok(self.figures)
    }

    /// Notes what the bills of the day say of what only the bills of several days can judge. Each run does so before
    /// it looks at what those of other days noted: of two runs at the same time at least one sees the other's notes so.
    /// Until all is noted, nothing of the day counts as known. A crash that emptied the tables of the bills must not be
    /// noted as a day on which nothing moved: they are counted again in the end.
    async fn note(&self) -> Result<(), Setback> {
        let day = self.lease.bill_date;
        let mut transaction = self.begin().await?;
        store::reconciliation::update_unnoted(&mut transaction, day).await?;
        store::midnight::delete(&mut transaction, day).await?;
        store::refund_movement::delete(&mut transaction, day).await?;
        transaction.commit().await?;
        self.note_midnights().await?;
        self.note_refunds().await?;
        let mut transaction = self.begin().await?;
        if store::bill::count(&mut *transaction, self.lease.token).await? != self.staged.rows() {
            return Err(Setback::Emptied);
        }
        store::reconciliation::update_noted(&mut transaction, self.lease.token).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// A transaction under the lease: short, since whoever asks for the day waits for it.
    pub(super) async fn begin(&self) -> Result<Transaction, Setback> {
        let mut transaction = self.context.db.begin().await?;
        self.lease.hold(self.context, &mut transaction).await?;
        Ok(transaction)
    }

    async fn bill_with_books(&mut self) -> Result<(), Setback> {
        let db = &self.context.db;
        let mut after = 0;
        loop {
            let page = store::comparison::next_page(db, &self.scope, after, PAGE_ROWS).await?;
            let Some(last) = page.last_line else { return Ok(()) };
            self.figures.payment_count += page.payment_count;
            self.figures.payment_fen += page.payment_fen;
            self.figures.refund_count += page.refund_count;
            self.figures.refund_fen += page.refund_fen;
            for foreign in store::comparison::list_foreign(db, &self.scope, (after, last)).await? {
                self.figures.foreign_count += foreign.count;
                self.figures.foreign_fen += foreign.fen;
                if self.foreign.len() < FOREIGN_APPS_MAX {
                    self.foreign.entry(foreign.app_id.clone()).or_insert(foreign);
                }
            }
            let found = store::comparison::list_of_payments(db, &self.scope, (after, last)).await?;
            self.write(found).await?;
            let found = store::refund_comparison::list_of_refunds(db, &self.scope, (after, last)).await?;
            self.write(found).await?;
            after = last;
        }
    }

    async fn payments_with_bill(&mut self) -> Result<(), Setback> {
        let db = &self.context.db;
        let mut after: Place = (self.scope.bounds.0, String::new());
        loop {
            let next = store::comparison::next_payments(db, &self.scope, &after, PAGE_ROWS).await?;
            let last = next.clone().unwrap_or((self.scope.bounds.1, String::new()));
            let found = store::comparison::list_missing_payments(db, &self.scope, &after, &last).await?;
            self.write(found).await?;
            let Some(place) = next else { return Ok(()) };
            after = place;
        }
    }

    async fn refunds_with_bill(&mut self) -> Result<(), Setback> {
        let db = &self.context.db;
        let mut after: Place = (self.scope.bounds.0, String::new());
        loop {
            let next = store::refund_comparison::next_refunds(db, &self.scope, &after, PAGE_ROWS).await?;
            let last = next.clone().unwrap_or((self.scope.bounds.1, String::new()));
            let found =
                store::refund_comparison::list_missing_refunds(db, &self.scope, &after, &last).await?;
            self.write(found).await?;
            let Some(place) = next else { return Ok(()) };
            after = place;
        }
    }

    async fn movements_with_books(&mut self) -> Result<(), Setback> {
        let db = &self.context.db;
        let mut after = 0;
        while let Some(last) =
            store::movement_comparison::next_page(db, &self.scope, after, PAGE_ROWS).await?
        {
            let page = (after, last);
            let found = store::movement_comparison::list_of_movements(db, &self.scope, page).await?;
            self.write(found).await?;
            after = last;
        }
        Ok(())
    }

    /// Writes differences down under the lease.
    pub(super) async fn write(&mut self, found: Vec<Found>) -> Result<(), Setback> {
        let context = self.context;
        if found.is_empty() {
            return self.lease.renew(context).await;
        }
        let room = usize::try_from(LISTED_MAX - self.figures.difference_count.min(LISTED_MAX)).unwrap_or(0);
        let count = i64::try_from(found.len()).unwrap_or(i64::MAX);
        let now = context.clock.now();
        let unseen: Vec<String> = found.iter().filter_map(unseen).collect();
        let mut new = Vec::new();
        for found in found.into_iter().take(room) {
            let id = || context.entropy.uuid(now).map_err(AppError::internal);
            new.push(NewDifference {
                id: id()?,
                exception_id: id()?,
                detail: format!("{} {}", found.kind.exception().explanation(), found.kind.action()),
                evidence: json!({
                    "bill_date": self.lease.bill_date,
                    "reconciliation_id": self.lease.id,
                    "out_trade_no": found.out_trade_no,
                    "transaction_id": found.transaction_id,
                    "out_refund_no": found.out_refund_no,
                    "ours": found.ours,
                    "theirs": found.theirs,
                    "action": found.kind.action(),
                }),
                found,
            });
        }
        let listed = i64::try_from(new.len()).unwrap_or(i64::MAX);
        let mut transaction = context.db.begin().await?;
        self.lease.hold(context, &mut transaction).await?;
        let written = store::difference::insert(&mut transaction, self.lease.id, &new, now).await?;
        store::check::update_in_bill(&mut transaction, &self.scope.mch_id, &unseen, now).await?;
        transaction.commit().await?;
        context.alarms.settle.set(now);
        self.figures.difference_count += count - listed + i64::try_from(written).unwrap_or(i64::MAX);
        Ok(())
    }

    /// Says once for each mini program that another system takes payments for the merchant.
    async fn tell_of_foreign(&self) -> Result<(), Setback> {
        let (context, now) = (self.context, self.context.clock.now());
        for (app_id, foreign) in &self.foreign {
            let id = context.entropy.uuid(now).map_err(AppError::internal)?;
            let exception = NewException {
                id: id.into(),
                kind: ExceptionKind::ReconciliationForeign,
                subject: app_id,
                order_id: None,
                detail: ExceptionKind::ReconciliationForeign.explanation(),
                evidence: json!({
                    "first_seen_on": self.lease.bill_date,
                    "app_id": app_id,
                    "rows_of_a_page": foreign.count,
                    "out_trade_no": foreign.example,
                }),
            };
            let mut transaction = context.db.begin().await?;
            self.lease.hold(context, &mut transaction).await?;
            store::exception::insert(&mut transaction, &exception, now).await?;
            transaction.commit().await?;
        }
        Ok(())
    }
}

/// The number of a payment that the books lack. If an attempt of ours has it, its last question was asked
/// before the money came.
fn unseen(found: &Found) -> Option<String> {
    let is_unseen = found.kind == DifferenceKind::MissingHere;
    found.out_trade_no.clone().filter(|_| is_unseen)
}
