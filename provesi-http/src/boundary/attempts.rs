//! Failed tokens slow their senders down, and nobody else: only the refusal waits, a right token is checked and passes
//! whatever failed before it from the same address.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;

/// The most addresses that are remembered; the one that has been quiet for longest makes room.
const MAX_ADDRESSES: usize = 1_024;
/// After so long without a failure an address is forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60);
/// So many failures are answered immediately: a service that was started with an old token finds out fast.
const FREE_FAILURES: u32 = 2;
/// The first delay; it doubles with each failure.
const MIN_DELAY: Duration = Duration::from_millis(100);
const MAX_DELAY: Duration = Duration::from_secs(1);
/// The most refusals that wait at a time, so that they do not use up the connections. Further ones go out immediately.
const MAX_WAITING: usize = 64;

/// The latest failures of each address.
#[derive(Debug)]
pub(super) struct FailedAttempts {
    by_address: Mutex<HashMap<Option<IpAddr>, Failures>>,
    waiting: Semaphore,
}

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last: Instant,
}

impl Default for FailedAttempts {
    fn default() -> Self {
        Self { by_address: Mutex::default(), waiting: Semaphore::new(MAX_WAITING) }
    }
}

impl FailedAttempts {
    /// Notes a failure and waits for as long as its answer is to be held back.
    pub(super) async fn hold_back(&self, address: Option<IpAddr>) {
        let delay = self.note(address, Instant::now());
        if !delay.is_zero()
            && let Ok(_permit) = self.waiting.try_acquire()
        {
            tokio::time::sleep(delay).await;
        }
    }

    /// Notes a failure at `now` and gives the delay of its answer.
    fn note(&self, address: Option<IpAddr>, now: Instant) -> Duration {
        let key = address.map(network);
        let mut by_address = self.by_address.lock().unwrap_or_else(PoisonError::into_inner);
        if by_address.len() >= MAX_ADDRESSES && !by_address.contains_key(&key) {
            let quietest = by_address.iter().min_by_key(|(_, failures)| failures.last).map(|(&quietest, _)| quietest);
            quietest.map(|quietest| by_address.remove(&quietest));
        }
        let failures = match by_address.entry(key) {
            Entry::Vacant(new) => new.insert(Failures { count: 0, last: now }),
            Entry::Occupied(known) => known.into_mut(),
        };
        if now.duration_since(failures.last) >= FORGOTTEN_AFTER {
            failures.count = 0;
        }
        failures.last = now;
        failures.count = failures.count.saturating_add(1);
        match failures.count.checked_sub(FREE_FAILURES + 1) {
            None => Duration::ZERO,
            Some(doublings) => MIN_DELAY.saturating_mul(1 << doublings.min(10)).min(MAX_DELAY),
        }
    }
}

/// The address, or in IPv6 its /64: a single machine can use all addresses of one.
const fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    fn address(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn delays_grow_to_a_second_for_each_network_and_end_after_a_quiet_minute() {
        let failed = FailedAttempts::default();
        let start = Instant::now();
        let delays = |address, at| (0..8).map(|_| failed.note(address, at).as_millis()).collect::<Vec<_>>();
        assert_eq!(delays(address("192.0.2.1"), start), [0, 0, 100, 200, 400, 800, 1_000, 1_000]);
        assert_eq!(failed.note(address("192.0.2.2"), start), Duration::ZERO);
        assert_eq!(delays(address("2001:db8::1"), start)[7], 1_000);
        assert_eq!(failed.note(address("2001:db8::ffff:1"), start), MAX_DELAY);
        assert_eq!(failed.note(address("2001:db8:0:1::1"), start), Duration::ZERO);
        assert_eq!(failed.note(address("192.0.2.1"), start + FORGOTTEN_AFTER), Duration::ZERO);
    }

    #[test]
    fn a_flood_of_addresses_takes_no_more_room_and_keeps_the_latest() {
        let failed = FailedAttempts::default();
        let start = Instant::now();
        for number in 0..5_000_u32 {
            failed.note(Some(IpAddr::V4(number.into())), start + Duration::from_millis(number.into()));
        }
        let by_address = failed.by_address.lock().unwrap();
        assert_eq!(by_address.len(), MAX_ADDRESSES);
        assert!(by_address.contains_key(&Some(IpAddr::V4(4_999.into()))));
        assert!(!by_address.contains_key(&Some(IpAddr::V4(0.into()))));
    }

    #[tokio::test]
    async fn refusals_beyond_the_limit_do_not_wait() {
        let failed = FailedAttempts::default();
        for _ in 0..10 {
            failed.note(None, Instant::now());
        }
        let all = u32::try_from(MAX_WAITING).unwrap();
        let permits = failed.waiting.acquire_many(all).await.unwrap();
        assert_eq!(failed.hold_back(None).now_or_never(), Some(()));
        drop(permits);
        assert_eq!(failed.hold_back(None).now_or_never(), None);
    }
}
