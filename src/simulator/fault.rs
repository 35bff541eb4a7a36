//! What goes wrong: faults set by a script, and faults drawn from a seed.
//!
//! Each call asks once what strikes it. A drawn fault depends on nothing but the seed, the API and
//! how many calls of that API came before: same seed, same story, whatever else runs beside.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::entropy::number_at;

/// A group of calls that a fault may be set for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Api {
    Login,
    Token,
    StableToken,
    CheckSession,
    Prepay,
    Query,
    Close,
    Certificates,
    Notification,
    Refund,
    RefundQuery,
}

impl Api {
    /// A number that never changes, for the stream of a seed.
    const fn stream(self) -> u64 {
        match self {
            Self::Login => 1,
            Self::Token => 2,
            Self::StableToken => 3,
            Self::CheckSession => 4,
            Self::Prepay => 5,
            Self::Query => 6,
            Self::Close => 7,
            Self::Certificates => 8,
            Self::Notification => 9,
            Self::Refund => 10,
            Self::RefundQuery => 11,
        }
    }

    /// Whether it is a mini-program API, which answers errors with an `errcode`.
    pub(super) const fn is_mini(self) -> bool {
        matches!(
            self,
            Self::Login | Self::Token | Self::StableToken | Self::CheckSession
        )
    }

    /// Whether it is one of `WeChat Pay`'s, whose answers are signed.
    pub(super) const fn is_pay(self) -> bool {
        matches!(
            self,
            Self::Prepay | Self::Query | Self::Close | Self::Certificates | Self::Refund | Self::RefundQuery
        )
    }
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum FaultKind {
    /// The effect happens; the answer comes `ms` later (1,000).
    Delay,
    /// The effect happens; after `ms` (0) the connection is cut without an answer.
    NoAnswerAfterAccepting,
    /// Nothing happens; after `ms` (0) the connection is cut without an answer.
    NoAnswerBeforeAccepting,
    /// Nothing happens; `status` (500) with a body that is no JSON.
    ServerError,
    /// Nothing happens; a mini-program API answers `errcode` (-1).
    Errcode,
    /// Nothing happens; `WeChat Pay` answers `status` (500) with `code` (`SYSTEM_ERROR`).
    PayError,
    /// The answer or the notification carries a signature over other bytes.
    WrongAnswerSignature,
    /// The answer carries no signature headers.
    MissingAnswerSignature,
    /// The answer's timestamp is ten minutes old, rightly signed.
    StaleAnswer,
    /// The answer carries a probe signature; before a notification goes a copy with one.
    ProbeSignature,
    /// Headers at once, the body in small pieces over `ms` (2,000).
    SlowBody,
    /// A new platform certificate signs from this call on.
    KeyRotation,
    /// The refund is accepted and ends as `CLOSED` by itself.
    RefundClosed,
    /// The refund is accepted and ends as `ABNORMAL` by itself.
    RefundAbnormal,
    /// Somebody else fetches a token right after this one: it is dead on arrival.
    TokenDisplaced,
    /// An attempt that never reaches the server.
    NotificationLost,
    /// The first attempt comes `ms` (60,000) later, by the simulator's clock.
    NotificationLate,
    /// An attempt arrives twice at once.
    NotificationDoubled,
    /// An attempt waits until another notification went by, `ms` (5,000) at most.
    NotificationReordered,
    /// The notification's timestamp is ten minutes old, rightly signed.
    NotificationStale,
    /// The notification's timestamp is ten minutes ahead, rightly signed.
    NotificationFuture,
}

impl FaultKind {
    const ALL: [Self; 21] = [
        Self::Delay,
        Self::NoAnswerAfterAccepting,
        Self::NoAnswerBeforeAccepting,
        Self::ServerError,
        Self::Errcode,
        Self::PayError,
        Self::WrongAnswerSignature,
        Self::MissingAnswerSignature,
        Self::StaleAnswer,
        Self::ProbeSignature,
        Self::SlowBody,
        Self::KeyRotation,
        Self::RefundClosed,
        Self::RefundAbnormal,
        Self::TokenDisplaced,
        Self::NotificationLost,
        Self::NotificationLate,
        Self::NotificationDoubled,
        Self::NotificationReordered,
        Self::NotificationStale,
        Self::NotificationFuture,
    ];

    /// Whether it can strike calls of this API at all.
    const fn can_strike(self, api: Api) -> bool {
        match self {
            Self::Delay
            | Self::NoAnswerAfterAccepting
            | Self::NoAnswerBeforeAccepting
            | Self::ServerError
            | Self::SlowBody => !matches!(api, Api::Notification),
            Self::Errcode => api.is_mini(),
            Self::PayError | Self::MissingAnswerSignature | Self::StaleAnswer => api.is_pay(),
            Self::WrongAnswerSignature | Self::ProbeSignature | Self::KeyRotation => !api.is_mini(),
            Self::RefundClosed | Self::RefundAbnormal => matches!(api, Api::Refund),
            Self::TokenDisplaced => matches!(api, Api::Token | Api::StableToken),
            Self::NotificationLost
            | Self::NotificationLate
            | Self::NotificationDoubled
            | Self::NotificationReordered
            | Self::NotificationStale
            | Self::NotificationFuture => matches!(api, Api::Notification),
        }
    }
}

/// One fault.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Fault {
    pub(super) kind: FaultKind,
    /// Absent: every API that the kind can strike.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) api: Option<Api>,
    /// How many calls it strikes; absent: all until it is cleared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) times: Option<u32>,
    /// How many calls pass unharmed first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) after: Option<u32>,
    /// Milliseconds, at most 120,000; for a late or reordered notification at most 86,400,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ms: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) errcode: Option<i64>,
    /// 400 to 599
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) code: Option<String>,
}

impl Fault {
    const fn of(kind: FaultKind) -> Self {
        Self {
            kind,
            api: None,
            times: None,
            after: None,
            ms: None,
            errcode: None,
            status: None,
            code: None,
        }
    }

    fn strikes(&self, api: Api) -> bool {
        self.kind.can_strike(api) && self.api.is_none_or(|only| only == api)
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
        } else if self.status.is_some_and(|status| !(400..=599).contains(&status)) {
            Some("status is 400 to 599")
        } else {
            None
        }
    }
}

/// Faults drawn from a seed: the n-th call of an API meets the same fault in every run.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RandomFaults {
    pub(super) seed: u64,
    /// How many of the calls are struck, 0 to 1.
    pub(super) probability: f64,
    /// Only these kinds; absent: all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) kinds: Vec<FaultKind>,
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
        let index = usize::try_from(choice).ok()?.checked_rem(kinds.len())?;
        kinds.get(index).copied().map(Fault::of)
    }
}

/// A fault in force, and how often it struck.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct ActiveFault {
    #[serde(flatten)]
    pub(super) fault: Fault,
    /// How many calls it struck so far.
    pub(super) applied: u32,
    /// How many calls it could have struck so far.
    pub(super) seen: u32,
}

/// The faults in force.
#[derive(Debug, Default)]
pub(super) struct Faults {
    active: Vec<ActiveFault>,
    random: Option<RandomFaults>,
    calls: BTreeMap<Api, u64>,
}

impl Faults {
    /// Puts these in place of all earlier ones, and begins to count calls anew. Says what is wrong
    /// with them otherwise.
    pub(super) fn set(
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

    pub(super) fn active(&self) -> (Vec<ActiveFault>, Option<RandomFaults>) {
        (self.active.clone(), self.random.clone())
    }

    /// What strikes the call that just came. Counts it.
    pub(super) fn strike(&mut self, api: Api) -> Struck {
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
#[derive(Debug)]
pub(super) struct Struck(Vec<Fault>);

impl Struck {
    pub(super) fn find(&self, kind: FaultKind) -> Option<&Fault> {
        self.0.iter().find(|fault| fault.kind == kind)
    }

    pub(super) fn has(&self, kind: FaultKind) -> bool {
        self.find(kind).is_some()
    }

    /// The milliseconds of a fault, if it strikes.
    pub(super) fn ms(&self, kind: FaultKind, default_ms: u64) -> Option<u64> {
        self.find(kind).map(|fault| fault.ms.unwrap_or(default_ms))
    }

    pub(super) fn kinds(&self) -> Vec<FaultKind> {
        self.0.iter().map(|fault| fault.kind).collect()
    }
}
