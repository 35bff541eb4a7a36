//! Refunds that take days are judged by the bills of all their days, by whichever day is compared last.

use chrono::Days;

use super::compare::{Comparison, PAGE_ROWS};
use super::lease::Setback;
use crate::domain::reconciliation::NEAR_MIDNIGHT;
use crate::store;
use crate::store::comparison::{Place, Scope};

/// So far ahead of our clock a success may lie that WeChat told.
const AHEAD: Days = Days::new(1);

impl Comparison<'_> {
    /// Notes what the bills of the day say of the refunds that take days.
    pub(super) async fn note_refunds(&self) -> Result<(), Setback> {
        let (db, scope, day) = (&self.context.db, &self.scope, self.lease.bill_date);
        let mut after = 0;
        while let Some(last) = store::comparison::next_page(db, scope, after, PAGE_ROWS)
            .await?
            .last_line
        {
            let mut transaction = self.begin().await?;
            store::refund_movement::insert_listed(&mut transaction, scope, day, (after, last)).await?;
            transaction.commit().await?;
            after = last;
        }
        after = 0;
        while let Some(last) = store::movement_comparison::next_page(db, scope, after, PAGE_ROWS).await? {
            let mut transaction = self.begin().await?;
            store::refund_movement::insert_moved(&mut transaction, scope, day, (after, last)).await?;
            transaction.commit().await?;
            after = last;
        }
        Ok(())
    }

    /// Compares what the bills of all its days say of each refund that was under way on this one, where they are
    /// known.
    pub(super) async fn refunds_over_days(&mut self) -> Result<(), Setback> {
        let db = &self.context.db;
        let begin = self.scope.bounds.0 - NEAR_MIDNIGHT;
        let end = self.context.clock.now() + AHEAD;
        let since = Scope {
            bounds: (begin, end),
            ..self.scope.clone()
        };
        let mut after: Place = (begin, String::new());
        loop {
            let next = store::refund_comparison::next_refunds(db, &since, &after, PAGE_ROWS).await?;
            let last = next.clone().unwrap_or((end, String::new()));
            let found =
                store::refund_movement::list_of_refunds(db, &self.scope, self.lease.id, (&after, &last))
                    .await?;
            self.write(found).await?;
            let Some(place) = next else { return Ok(()) };
            after = place;
        }
    }
}
