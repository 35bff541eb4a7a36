//! What a request waits for, and how many may wait for the same. Whoever is slow holds up those who wait
//! for him and nobody else, and what tells of money finds room when the shop is full.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::telemetry::Shed;

/// One in so many places is kept for what WeChat reports and for the operator.
const KEPT_PART: usize = 8;
/// One in so many places is kept for the operator alone: anybody can send something to where WeChat reports.
const OPERATOR_PART: usize = 16;
/// One in so many places may be taken by those who wait for the same side of WeChat, for pictures, or by what
/// WeChat reports.
const SIDE_PART: usize = 4;

/// What a request waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    /// For nothing: it is always let in.
    Nothing,
    /// The operator: let in as long as there is any room, and first in line for the database.
    Kept,
    /// What WeChat reports, or who says so: first in line for the database as well.
    Callbacks,
    /// For the API of mini programs.
    Mini,
    /// For WeChat Pay.
    Pay,
    /// For where the pictures lie, and for phones that send or fetch one.
    Files,
    /// For our own database alone.
    Own,
}

impl Lane {
    /// The lane of a path. One that is not known waits for nobody else.
    pub(super) fn of(path: &str) -> Self {
        let is_below = |room: &str| {
            path.strip_prefix(room)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let order = path
            .strip_prefix("/v1/orders/")
            .and_then(|rest| rest.split_once('/'));
        match path {
            // A balancer that is told "not now" sends what it has to the next one, until all are gone.
            "/healthz" | "/readyz" => Self::Nothing,
            _ if ["/admin", "/metrics"].into_iter().any(is_below) => Self::Kept,
            _ if is_below("/wechat") => Self::Callbacks,
            // Their neighbours under `/internal` wait for WeChat.
            _ if [
                "/internal/sessions",
                "/internal/collections",
                "/internal/subscriptions",
            ]
            .into_iter()
            .any(is_below) =>
            {
                Self::Own
            }
            // What came of a check lies here; to ask for one is to wait for WeChat.
            _ if path.starts_with("/internal/content-checks/") => Self::Own,
            _ if ["/v1/files", "/files"].into_iter().any(is_below) => Self::Files,
            _ if order.is_some_and(|(_, what)| ["payment", "sync", "close"].contains(&what)) => Self::Pay,
            _ if [
                "/v1/login",
                "/v1/phone-number",
                "/v1/open-data/cloud-ids",
                "/v1/functions",
                "/v1/wxacodes",
                "/internal",
            ]
            .into_iter()
            .any(is_below) =>
            {
                Self::Mini
            }
            _ => Self::Own,
        }
    }

    /// Whether it queues for the database, and may be refused there.
    pub(super) fn is_queueing(self) -> bool {
        matches!(self, Self::Mini | Self::Pay | Self::Files | Self::Own)
    }
}

/// The places of a server.
#[derive(Debug)]
pub(super) struct Lanes {
    all: Arc<Semaphore>,
    /// All but the operator's.
    open: Arc<Semaphore>,
    /// Of these, all but those that are kept for what WeChat reports.
    common: Arc<Semaphore>,
    callbacks: Arc<Semaphore>,
    mini: Arc<Semaphore>,
    pay: Arc<Semaphore>,
    files: Arc<Semaphore>,
}

/// The right to be worked on, until it is dropped.
#[derive(Debug)]
pub(super) struct Ticket {
    _places: Vec<OwnedSemaphorePermit>,
}

impl Lanes {
    /// Places for so many requests in all, at least one.
    pub(super) fn new(in_hand_max: usize) -> Self {
        let places = |count: usize| Arc::new(Semaphore::new(count.clamp(1, Semaphore::MAX_PERMITS)));
        Self {
            all: places(in_hand_max),
            open: places(in_hand_max.saturating_sub(in_hand_max / OPERATOR_PART)),
            common: places(in_hand_max.saturating_sub(in_hand_max / KEPT_PART)),
            callbacks: places(in_hand_max / SIDE_PART),
            mini: places(in_hand_max / SIDE_PART),
            pay: places(in_hand_max / SIDE_PART),
            files: places(in_hand_max / SIDE_PART),
        }
    }

    /// Lets a request in; else tells which bound is reached.
    pub(super) fn enter(&self, lane: Lane) -> Result<Ticket, Shed> {
        let [all, open, common] =
            [&self.all, &self.open, &self.common].map(|places| (places, Shed::InFlight));
        let wanted: &[(&Arc<Semaphore>, Shed)] = match lane {
            Lane::Nothing => &[],
            Lane::Kept => &[all],
            Lane::Callbacks => &[(&self.callbacks, Shed::Callbacks), open, all],
            Lane::Mini => &[(&self.mini, Shed::Mini), common, open, all],
            Lane::Pay => &[(&self.pay, Shed::Pay), common, open, all],
            Lane::Files => &[(&self.files, Shed::Files), common, open, all],
            Lane::Own => &[common, open, all],
        };
        let places = wanted
            .iter()
            .map(|(places, bound)| Arc::clone(places).try_acquire_owned().map_err(|_| *bound));
        Ok(Ticket {
            _places: places.collect::<Result<_, _>>()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_waits_for_what_its_route_asks() {
        for (path, lane) in [
            ("/healthz", Lane::Nothing),
            ("/wechat/pay/notify", Lane::Callbacks),
            ("/wechat/pay/refund-notify", Lane::Callbacks),
            ("/wechat/push/wx1", Lane::Callbacks),
            ("/admin/health", Lane::Kept),
            ("/metrics", Lane::Kept),
            ("/v1/login", Lane::Mini),
            ("/v1/wxacodes", Lane::Mini),
            ("/internal/wxacodes", Lane::Mini),
            ("/internal/url-links", Lane::Mini),
            ("/internal/wechat/wxa/getwxacode", Lane::Mini),
            ("/internal/access-token", Lane::Mini),
            ("/internal/sessions/introspect", Lane::Own),
            ("/internal/collections/notes/query", Lane::Own),
            ("/internal/subscriptions/query", Lane::Own),
            ("/internal/subscribe-messages", Lane::Mini),
            ("/internal/content-checks", Lane::Mini),
            ("/internal/content-checks/0", Lane::Own),
            ("/v1/files", Lane::Files),
            ("/files/0.png", Lane::Files),
            ("/v1/orders/0/payment", Lane::Pay),
            ("/v1/orders/0/sync", Lane::Pay),
            ("/v1/orders/0/close", Lane::Pay),
            ("/v1/orders", Lane::Own),
            ("/v1/orders/payment", Lane::Own),
            ("/v1/orders/0", Lane::Own),
            ("/v1/logins", Lane::Own),
            ("/readyz", Lane::Nothing),
        ] {
            assert_eq!(Lane::of(path), lane, "{path}");
        }
    }

    #[test]
    fn a_full_lane_is_full_for_itself_alone_and_a_part_is_kept() {
        let lanes = Lanes::new(16);
        let mut held: Vec<Ticket> = (0..4).map(|_| lanes.enter(Lane::Pay).unwrap()).collect();
        assert_eq!(lanes.enter(Lane::Pay).unwrap_err(), Shed::Pay);
        held.extend((0..4).map(|_| lanes.enter(Lane::Mini).unwrap()));
        assert_eq!(lanes.enter(Lane::Mini).unwrap_err(), Shed::Mini);
        held.extend((0..4).map(|_| lanes.enter(Lane::Files).unwrap()));
        assert_eq!(lanes.enter(Lane::Files).unwrap_err(), Shed::Files);
        held.extend((0..2).map(|_| lanes.enter(Lane::Own).unwrap()));
        assert_eq!(lanes.enter(Lane::Own).unwrap_err(), Shed::InFlight);
        held.push(lanes.enter(Lane::Callbacks).unwrap());
        assert_eq!(lanes.enter(Lane::Callbacks).unwrap_err(), Shed::InFlight);
        held.push(lanes.enter(Lane::Kept).unwrap());
        assert_eq!(lanes.enter(Lane::Kept).unwrap_err(), Shed::InFlight);
        lanes.enter(Lane::Nothing).unwrap();
        held.clear();
        held.extend((0..4).map(|_| lanes.enter(Lane::Callbacks).unwrap()));
        assert_eq!(lanes.enter(Lane::Callbacks).unwrap_err(), Shed::Callbacks);
        lanes.enter(Lane::Pay).unwrap();
    }
}
