//! Whatever is said of a shipment, and however far WeChat gets with it in between: in the end WeChat holds what the books
//! say that it holds.

use proptest::prelude::*;
use proptest::sample::select;
use weir::domain::shipment::{Earlier, Parcel, ShipmentKind, ShipmentStatus, Told, is_begun, plan};

use crate::shipment::parcel;

/// What happens next.
#[derive(Clone, Copy, Debug)]
enum Step {
    /// The operator says that so many parcels were sent, and whether these were all.
    Say(ShipmentKind, usize, bool),
    /// WeChat is told of the next one, and takes it.
    Take,
    /// It is told, and does not.
    Refuse,
    /// It is told, and the answer is lost; whether it had taken it.
    Lose(bool),
}

/// What `WeChat` holds of an order.
#[derive(Debug)]
struct Holding {
    way: (ShipmentKind, bool),
    parcels: Vec<Parcel>,
    is_finished: bool,
    is_again_used: bool,
}

/// One row of the books, and whether it is one of several parcels.
#[derive(Debug)]
struct Row {
    told: Earlier,
    is_split: bool,
}

#[derive(Debug, Default)]
struct Books {
    rows: Vec<Row>,
    wechat: Option<Holding>,
    parcels: usize,
    is_doubtful: bool,
}

impl Books {
    fn earlier(&self) -> Vec<Earlier> {
        self.rows.iter().map(|row| row.told.clone()).collect()
    }

    fn say(&mut self, kind: ShipmentKind, count: usize, is_complete: bool) {
        let is_express = kind == ShipmentKind::Express;
        let is_complete = is_complete || !is_express;
        let count = if is_express { count } else { 1 };
        let parcels: Vec<Parcel> = (self.parcels..self.parcels + count).map(parcel).collect();
        self.parcels += count;
        let told = Told {
            kind,
            parcels: &parcels,
            is_complete,
        };
        let Ok(plan) = plan(&self.earlier(), told) else {
            return;
        };
        let untold = self.rows.iter_mut().map(|row| &mut row.told);
        for row in untold.filter(|row| plan.is_replacing && row.status == ShipmentStatus::Created) {
            row.status = ShipmentStatus::Replaced;
            self.is_doubtful |= row.may_have_arrived;
        }
        let told = Earlier {
            position: plan.position,
            generation: plan.generation,
            kind,
            parcels,
            is_complete,
            is_again: plan.is_again,
            status: ShipmentStatus::Created,
            may_have_arrived: false,
            is_chance_denied: false,
        };
        let is_split = plan.is_split;
        self.rows.push(Row { told, is_split });
    }

    fn next(&self) -> Option<usize> {
        let untold = |row: &Row| row.told.status == ShipmentStatus::Created;
        self.rows.iter().position(untold)
    }

    /// What `WeChat` makes of it; tells whether it takes it.
    fn is_taken(&mut self, at: usize) -> bool {
        let row = &self.rows[at];
        let way = (row.told.kind, row.is_split);
        let parcels = row.told.parcels.clone();
        let is_finished = row.told.is_complete;
        let Some(held) = &mut self.wechat else {
            self.wechat = Some(Holding {
                way,
                parcels,
                is_finished,
                is_again_used: false,
            });
            return true;
        };
        if held.way == way && !held.is_finished {
            held.parcels.extend(parcels);
        } else if held.is_again_used {
            return false;
        } else {
            (held.way, held.parcels, held.is_again_used) = (way, parcels, true);
        }
        held.is_finished = is_finished;
        true
    }

    fn holds(&self, at: usize) -> bool {
        let wanted = &self.rows[at].told.parcels;
        let held = self.wechat.iter().flat_map(|held| &held.parcels);
        held.filter(|parcel| wanted.contains(parcel)).count() == wanted.len()
    }

    fn tell(&mut self, step: Step) {
        let Some(at) = self.next() else { return };
        if self.rows[at].told.may_have_arrived && self.holds(at) {
            self.end(at, ShipmentStatus::Uploaded);
            return;
        }
        match step {
            Step::Refuse => self.end(at, ShipmentStatus::Refused),
            Step::Lose(has_arrived) => {
                let is_denied = has_arrived && !self.is_taken(at);
                self.rows[at].told.may_have_arrived = !is_denied;
                if is_denied {
                    self.deny(at);
                }
            }
            Step::Take if self.is_taken(at) => self.end(at, ShipmentStatus::Uploaded),
            Step::Take | Step::Say(..) => self.deny(at),
        }
    }

    fn deny(&mut self, at: usize) {
        self.rows[at].told.is_chance_denied = true;
        self.end(at, ShipmentStatus::Refused);
    }

    fn end(&mut self, at: usize, status: ShipmentStatus) {
        self.rows[at].told.status = status;
        self.rows[at].told.may_have_arrived = false;
        let ended = &self.rows[at];
        let (generation, is_last) = (ended.told.generation, ended.is_split && ended.told.is_complete);
        if status == ShipmentStatus::Refused && is_last && is_begun(&self.earlier()) {
            let behind = self.rows.iter_mut().filter(|row| row.is_split);
            let behind = behind.map(|row| &mut row.told);
            for row in behind.filter(|row| row.status == ShipmentStatus::Created) {
                if row.generation > generation {
                    row.status = ShipmentStatus::Refused;
                }
            }
        }
    }

    /// The parcels that the books say `WeChat` has.
    fn uploaded(&self) -> Vec<Parcel> {
        let uploaded = || {
            let told = self.rows.iter().map(|row| &row.told);
            told.filter(|told| told.status == ShipmentStatus::Uploaded)
        };
        let newest = uploaded().next_back().map(|last| last.generation);
        let of_newest = uploaded().filter(|told| Some(told.generation) == newest);
        of_newest.flat_map(|told| told.parcels.clone()).collect()
    }
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let kinds = select(vec![
        ShipmentKind::Express,
        ShipmentKind::Express,
        ShipmentKind::Express,
        ShipmentKind::Virtual,
        ShipmentKind::Pickup,
    ]);
    let one = prop_oneof![
        5 => (kinds, 1..3_usize, any::<bool>()).prop_map(|(kind, count, is_complete)| Step::Say(kind, count, is_complete)),
        4 => Just(Step::Take),
        1 => Just(Step::Refuse),
        1 => any::<bool>().prop_map(Step::Lose),
    ];
    prop::collection::vec(one, 1..16)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]
    #[test]
    fn wechat_holds_what_the_books_say(steps in steps()) {
        let mut books = Books::default();
        for step in steps {
            match step {
                Step::Say(kind, count, is_complete) => books.say(kind, count, is_complete),
                Step::Take | Step::Refuse | Step::Lose(_) => books.tell(step),
            }
        }
        while books.next().is_some() {
            books.tell(Step::Take);
        }
        let held = books.wechat.as_ref().map_or_else(Vec::new, |held| held.parcels.clone());
        prop_assert!(books.is_doubtful || held == books.uploaded(), "{books:#?}");
    }
}
