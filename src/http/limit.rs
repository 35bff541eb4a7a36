//! Rate limits: logins by client address, everything by session, `/internal` as a whole.
//!
//! Memory is bounded by construction: what is limited is not the address or the session itself but
//! its place among 2^18, by a hash whose seed differs in each process. Two that share a place share
//! its allowance; nobody can choose whom to share with.

use std::hash::{BuildHasher as _, Hash, RandomState};
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;

use governor::clock::{Clock as _, DefaultClock};
use governor::state::keyed::DashMapStateStore;
use governor::{Quota, RateLimiter};

use crate::config::LimitSettings;
use crate::domain::id::SessionId;
use crate::error::{AppError, ErrorCode};
use crate::telemetry::Shed;

/// How many places there are; at about 48 bytes each no more than 13 MB, were all in use at once.
const PLACES: u64 = 1 << 18;

type Limiter = RateLimiter<u64, DashMapStateStore<u64>, DefaultClock>;

/// The limits of this process. Replicas count for themselves.
#[derive(Debug)]
pub struct Limits {
    login: Option<Limiter>,
    session: Option<Limiter>,
    internal: Option<Limiter>,
    clock: DefaultClock,
    seed: RandomState,
}

impl Limits {
    /// Limits as set; 0 switches one off.
    pub fn new(settings: LimitSettings) -> Self {
        let login = NonZeroU32::new(settings.login_per_min).map(Quota::per_minute);
        let session = NonZeroU32::new(settings.session_per_s).map(Quota::per_second);
        let internal = NonZeroU32::new(settings.internal_per_s).map(Quota::per_second);
        Self {
            internal: internal.map(RateLimiter::dashmap),
            login: login.map(RateLimiter::dashmap),
            session: session.map(RateLimiter::dashmap),
            clock: DefaultClock::default(),
            seed: RandomState::new(),
        }
    }

    /// Counts a login of this client; an IPv6 client is its /64, which one person can fill alone.
    ///
    /// # Errors
    /// `rate_limited`, with the time to wait.
    pub fn login(&self, address: IpAddr) -> Result<(), AppError> {
        self.check(self.login.as_ref(), &network(address), Shed::LoginRate)
    }

    /// Counts a request of this session.
    ///
    /// # Errors
    /// `rate_limited`, with the time to wait.
    pub fn session(&self, session: SessionId) -> Result<(), AppError> {
        self.check(self.session.as_ref(), &session, Shed::SessionRate)
    }

    /// Counts a request of one of the owner's services, which share an allowance.
    ///
    /// # Errors
    /// `rate_limited`, with the time to wait.
    pub fn internal(&self) -> Result<(), AppError> {
        self.check(self.internal.as_ref(), &(), Shed::InternalRate)
    }

    /// Forgets whoever has its whole allowance back.
    pub fn sweep(&self) {
        for limiter in [&self.login, &self.session, &self.internal].into_iter().flatten() {
            limiter.retain_recent();
            limiter.shrink_to_fit();
        }
    }

    fn check(&self, limiter: Option<&Limiter>, key: &impl Hash, bound: Shed) -> Result<(), AppError> {
        let Some(limiter) = limiter else { return Ok(()) };
        let place = self.seed.hash_one(key) % PLACES;
        limiter.check_key(&place).map_err(|refusal| {
            bound.count();
            let wait = refusal.wait_time_from(self.clock.now());
            // Rounded up: whoever waits exactly that long must find the door open.
            let seconds = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
            let seconds = u32::try_from(seconds.max(1)).unwrap_or(u32::MAX);
            AppError::new(ErrorCode::RateLimited).retry_after_s(seconds)
        })
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn limits(login_per_min: u32, session_per_s: u32) -> Limits {
        Limits::new(LimitSettings {
            login_per_min,
            session_per_s,
            internal_per_s: 0,
        })
    }

    #[test]
    fn the_allowance_is_per_address_and_the_wait_is_told_in_whole_seconds() {
        let limits = limits(2, 0);
        let (here, there) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        limits.login(here).unwrap();
        limits.login(here).unwrap();
        let refusal = limits.login(here).unwrap_err();
        assert_eq!(refusal.code(), ErrorCode::RateLimited);
        assert_eq!(refusal.retry_after(), Some(30));
        limits.login(there).unwrap();
    }

    #[test]
    fn one_network_of_ipv6_is_one_client_and_a_mapped_address_is_its_ipv4_self() {
        let limits = limits(1, 0);
        limits.login("2001:db8::1".parse().unwrap()).unwrap();
        assert!(limits.login("2001:db8::ffff:2".parse().unwrap()).is_err());
        limits.login("192.0.2.1".parse().unwrap()).unwrap();
        assert!(limits.login("::ffff:192.0.2.1".parse().unwrap()).is_err());
    }

    #[test]
    fn zero_switches_a_limit_off() {
        let limits = limits(0, 0);
        for _ in 0..1000 {
            limits.session(SessionId::from(Uuid::nil())).unwrap();
        }
    }

    #[test]
    fn a_sweep_keeps_those_who_are_limited() {
        // A minute's allowance: a machine that stops for a second between two lines gives none back.
        let limits = limits(1, 0);
        let here = "192.0.2.1".parse().unwrap();
        limits.login(here).unwrap();
        limits.sweep();
        assert!(limits.login(here).is_err());
    }
}
