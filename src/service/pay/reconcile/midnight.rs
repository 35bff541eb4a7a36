//! Payments near midnight are judged by the bills of both days, by whichever day is compared later.

use chrono::{DateTime, Days, NaiveDate, Utc};

use super::compare::{Comparison, PAGE_ROWS};
use super::lease::Setback;
use crate::domain::china::day_of;
use crate::domain::reconciliation::NEAR_MIDNIGHT;
use crate::store;
use crate::store::comparison::{Place, Scope};

/// A midnight of the day that is compared, and the day on its other side.
struct Midnight {
    scope: Scope,
    neighbour: NaiveDate,
}

impl Midnight {
    /// Where its payments begin and end.
    fn ends(&self) -> (Place, Place) {
        let (begin, end) = self.scope.bounds;
        ((begin, String::new()), (end, String::new()))
    }
}

impl Comparison<'_> {
    fn midnights(&self) -> [Midnight; 2] {
        let day = self.lease.bill_date;
        let near = |at: DateTime<Utc>, neighbour| Midnight {
            scope: Scope {
                bounds: (at - NEAR_MIDNIGHT, at + NEAR_MIDNIGHT),
                ..self.scope.clone()
            },
            neighbour,
        };
        let (begin, end) = self.scope.bounds;
        [near(begin, day - Days::new(1)), near(end, day + Days::new(1))]
    }

    /// Notes what the bills of the day say of the payments near its midnights.
    pub(super) async fn note_midnights(&self) -> Result<(), Setback> {
        let day = self.lease.bill_date;
        for midnight in self.midnights() {
            let (mut after, end) = midnight.ends();
            loop {
                let mut transaction = self.begin().await?;
                let next =
                    store::comparison::next_payments(&mut *transaction, &midnight.scope, &after, PAGE_ROWS)
                        .await?;
                let last = next.as_ref().unwrap_or(&end);
                store::midnight::insert(&mut transaction, &midnight.scope, day, &after, last).await?;
                transaction.commit().await?;
                let Some(place) = next else { break };
                after = place;
            }
        }
        Ok(())
    }

    /// Compares what both days' bills say of the payments near each midnight, where the other day's are known.
    pub(super) async fn payments_near_midnight(&mut self) -> Result<(), Setback> {
        let db = &self.context.db;
        for midnight in self.midnights() {
            if !self.is_known(midnight.neighbour).await? {
                continue;
            }
            let days = [self.lease.bill_date, midnight.neighbour];
            let (mut after, end) = midnight.ends();
            loop {
                let next = store::comparison::next_payments(db, &midnight.scope, &after, PAGE_ROWS).await?;
                let last = next.as_ref().unwrap_or(&end);
                let found = store::midnight::list_of_payments(
                    db,
                    &midnight.scope,
                    self.lease.id,
                    days,
                    (&after, last),
                )
                .await?;
                self.write(found).await?;
                let Some(place) = next else { break };
                after = place;
            }
        }
        Ok(())
    }

    /// Whether all is known that a day's bills say: they are noted, or the shop was not open yet.
    async fn is_known(&self, day: NaiveDate) -> Result<bool, Setback> {
        let db = &self.context.db;
        if store::midnight::is_noted(db, day).await? {
            return Ok(true);
        }
        let first_order_at = store::reconciliation::find_first_order_at(db).await?;
        Ok(first_order_at.is_some_and(|at| day < day_of(at)))
    }
}
