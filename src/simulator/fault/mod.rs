//! What goes wrong: faults set by a script, and faults drawn from a seed.
//!
//! Each call asks once what strikes it. A drawn fault depends on nothing but the seed, the API and
//! how many calls of that API came before: same seed, same story, whatever else runs beside.

mod api;
mod kind;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::entropy::number_at;

pub(super) use api::Api;
pub(super) use kind::{FaultBody, FaultKind};

/// One fault.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::simulator) struct Fault {
    pub(in crate::simulator) kind: FaultKind,
    /// Absent: every API that the kind can strike.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::simulator) api: Option<Api>,
    /// How many calls it strikes, 1 at least; absent: all until it is cleared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::simulator) times: Option<u32>,
    /// How many calls pass unharmed first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::simulator) after: Option<u32>,
    /// Milliseconds, at most 120,000; for a late or reordered notification at most 86,400,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::simulator) ms: Option<u64>,
    /// Of `delay` and the unanswered calls: the next change of the faults ends the wait of `ms`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(in crate::simulator) is_held: bool,
    /// Of `server_error`, `errcode` and `pay_error`: the effect happens first, and the error comes in place of a good
    /// answer only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(in crate::simulator) is_accepted: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::simulator) errcode: Option<i64>,
    /// 400 to 599; of `server_error` 200 as well: no answer, under the status of a success.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::simulator) status: Option<u16>,
    /// Of `server_error`: what comes in place of an answer (`html`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::simulator) body: Option<FaultBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::simulator) code: Option<String>,
    /// Of a bill: how many rows, at most 10,000,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::simulator) rows: Option<u64>,
    /// In a bill: the order that it concerns; absent: the first one that fits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::simulator) out_trade_no: Option<String>,
    /// In a bill: the refund that it concerns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(in crate::simulator) out_refund_no: Option<String>,
}

impl Fault {
    const fn of(kind: FaultKind) -> Self {
        Self {
            kind,
            api: None,
            times: None,
            after: None,
            ms: None,
            is_held: false,
            is_accepted: false,
            errcode: None,
            status: None,
            body: None,
            code: None,
            rows: None,
            out_trade_no: None,
            out_refund_no: None,
        }
    }

    /// One of a seed: a refusal is trouble at WeChat or a rate limit.
    fn drawn(kind: FaultKind, is_limited: bool) -> Self {
        let fault = Self::of(kind);
        match kind {
            FaultKind::Errcode if is_limited => Self {
                errcode: Some(45_011),
                ..fault
            },
            FaultKind::PayError if is_limited => Self {
                status: Some(429),
                code: Some("FREQUENCY_LIMITED".to_owned()),
                ..fault
            },
            _ => fault,
        }
    }

    fn strikes(&self, api: Api) -> bool {
        self.kind.can_strike(api) && self.api.is_none_or(|only| only == api)
    }

    fn can_have(&self, status: u16) -> bool {
        (400..=599).contains(&status) || (status == 200 && self.kind == FaultKind::ServerError)
    }

    /// Says what is wrong with it, if anything.
    fn complaint(&self) -> Option<&'static str> {
        let is_put_off = matches!(
            self.kind,
            FaultKind::NotificationLate | FaultKind::NotificationReordered
        );
        let ms_max = if is_put_off { 86_400_000 } else { 120_000 };
        if self.api.is_some_and(|api| !self.kind.can_strike(api)) {
            Some("this kind cannot strike that api")
        } else if self.ms.is_some_and(|ms| ms > ms_max) {
            Some("ms is too long")
        } else if self.is_held && !self.kind.can_be_held() {
            Some("is_held is for delay and the unanswered calls")
        } else if self.is_accepted && !self.kind.can_be_accepted() {
            Some("is_accepted is for server_error, errcode and pay_error")
        } else if self.times == Some(0) {
            Some("times is 1 at least")
        } else if self.rows.is_some_and(|rows| rows > 10_000_000) {
            Some("rows is 10,000,000 at most")
        } else if self.status.is_some_and(|status| !self.can_have(status)) {
            Some("status is 400 to 599, of server_error also 200")
        } else if self.body.is_some() && self.kind != FaultKind::ServerError {
            Some("body is for server_error")
        } else {
            None
        }
    }
}

/// Faults drawn from a seed: the n-th call of an API meets the same fault in every run.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::simulator) struct RandomFaults {
    pub(in crate::simulator) seed: u64,
    /// How many of the calls are struck, 0 to 1.
    pub(in crate::simulator) probability: f64,
    /// Only these kinds; absent: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(in crate::simulator) kinds: Vec<FaultKind>,
}

impl RandomFaults {
    /// What strikes the `position`-th call of an API.
    fn draw(&self, api: Api, position: u64) -> Option<Fault> {
        let [chance, choice] = number_at(self.seed, api.stream(), position);
        #[expect(
            clippy::float_arithmetic,
            reason = "a probability, compared once; no money near it"
        )]
        let is_struck = f64::from(chance) < self.probability * f64::from(u32::MAX);
        if !is_struck {
            return None;
        }
        let is_wanted = |kind: &FaultKind| self.kinds.is_empty() || self.kinds.contains(kind);
        let kinds: Vec<FaultKind> = FaultKind::ALL
            .into_iter()
            .filter(|kind| kind.can_strike(api) && is_wanted(kind))
            .collect();
        let choice = usize::try_from(choice).ok()?;
        let index = choice.checked_rem(kinds.len())?;
        let is_limited = choice.checked_div(kinds.len())?.is_multiple_of(2);
        kinds.get(index).map(|kind| Fault::drawn(*kind, is_limited))
    }
}

/// A fault in force, and how often it struck.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in crate::simulator) struct ActiveFault {
    #[serde(flatten)]
    pub(in crate::simulator) fault: Fault,
    /// How many calls it struck so far.
    pub(in crate::simulator) applied: u32,
    /// How many calls it could have struck so far.
    pub(in crate::simulator) seen: u32,
}

/// The faults in force.
#[derive(Debug, Default)]
pub(in crate::simulator) struct Faults {
    active: Vec<ActiveFault>,
    random: Option<RandomFaults>,
    calls: BTreeMap<Api, u64>,
}

impl Faults {
    /// Puts these in place of all earlier ones, and begins to count calls anew. Says what is wrong
    /// with them otherwise.
    pub(in crate::simulator) fn set(
        &mut self,
        faults: Vec<Fault>,
        random: Option<RandomFaults>,
    ) -> Result<(), &'static str> {
        if let Some(complaint) = faults.iter().find_map(Fault::complaint) {
            return Err(complaint);
        }
        if random
            .as_ref()
            .is_some_and(|random| !(0.0..=1.0).contains(&random.probability))
        {
            return Err("probability is 0 to 1");
        }
        let fresh = |fault| ActiveFault {
            fault,
            applied: 0,
            seen: 0,
        };
        *self = Self {
            active: faults.into_iter().map(fresh).collect(),
            random,
            calls: BTreeMap::new(),
        };
        Ok(())
    }

    pub(in crate::simulator) fn active(&self) -> (Vec<ActiveFault>, Option<RandomFaults>) {
        (self.active.clone(), self.random.clone())
    }

    /// What strikes the call that just came. Counts it.
    pub(in crate::simulator) fn strike(&mut self, api: Api) -> Struck {
        let mut struck = Vec::new();
        for active in self.active.iter_mut().filter(|active| active.fault.strikes(api)) {
            active.seen = active.seen.saturating_add(1);
            let is_early = active.fault.after.is_some_and(|after| active.seen <= after);
            if !is_early {
                active.applied = active.applied.saturating_add(1);
                struck.push(active.fault.clone());
            }
        }
        self.active
            .retain(|active| active.fault.times.is_none_or(|times| active.applied < times));
        let position = self.calls.entry(api).or_default();
        if let Some(fault) = self
            .random
            .as_ref()
            .and_then(|random| random.draw(api, *position))
        {
            struck.push(fault);
        }
        *position = position.saturating_add(1);
        Struck(struck)
    }
}

/// The faults that strike one call.
#[derive(Debug, Default)]
pub(in crate::simulator) struct Struck(Vec<Fault>);

impl Struck {
    pub(in crate::simulator) fn find(&self, kind: FaultKind) -> Option<&Fault> {
        self.0.iter().find(|fault| fault.kind == kind)
    }

    pub(in crate::simulator) fn has(&self, kind: FaultKind) -> bool {
        self.find(kind).is_some()
    }

    pub(in crate::simulator) fn is_held(&self, kind: FaultKind) -> bool {
        self.find(kind).is_some_and(|fault| fault.is_held)
    }

    /// The milliseconds of a fault, if it strikes.
    pub(in crate::simulator) fn ms(&self, kind: FaultKind, default_ms: u64) -> Option<u64> {
        self.find(kind).map(|fault| fault.ms.unwrap_or(default_ms))
    }

    pub(in crate::simulator) fn kinds(&self) -> Vec<FaultKind> {
        self.0.iter().map(|fault| fault.kind).collect()
    }
}
