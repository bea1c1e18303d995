//! Admission: how many connections there are, of which address, and which of them are idle.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// Whose connections are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Origin {
    /// An IPv4 address, or the /64 network of an IPv6 address: a host has as many addresses of that as it likes.
    Address(IpAddr),
    /// The trusted proxies, whose connections carry many callers.
    Proxies,
}

impl Origin {
    pub(super) fn of(address: IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
            address => address,
        })
    }
}

/// The open connections, up to a limit. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) struct Registry(Arc<Mutex<Inner>>);

#[derive(Debug)]
struct Inner {
    max: usize,
    max_per_address: usize,
    connections: usize,
    origins: HashMap<Origin, Held>,
    /// By ticket: the oldest first.
    idle: BTreeMap<u64, Idle>,
    next_ticket: u64,
}

#[derive(Debug, Default)]
struct Held {
    connections: usize,
    idle: BTreeSet<u64>,
}

#[derive(Debug)]
struct Idle {
    origin: Origin,
    evicted: Arc<Notify>,
}

impl Registry {
    pub(super) fn new(max: usize, max_per_address: usize) -> Self {
        Self(Arc::new(Mutex::new(Inner {
            max,
            max_per_address,
            connections: 0,
            origins: HashMap::new(),
            idle: BTreeMap::new(),
            next_ticket: 0,
        })))
    }

    /// Takes a place for a new connection, idle until its first request. An address that has its share gives up its own
    /// oldest idle connection; when all places are taken, the oldest idle one of all is evicted. `None` when there is none.
    pub(super) fn admit(&self, origin: Origin) -> Option<Slot> {
        let mut inner = self.lock();
        inner.take_place(origin)?;
        let evicted = Arc::new(Notify::new());
        let ticket = inner.add_idle(origin, &evicted);
        Some(Slot { registry: self.clone(), origin, evicted, state: Mutex::new(State::Idle(ticket)) })
    }

    /// Evicts the connection that has been idle for longest.
    pub(super) fn evict_oldest(&self) {
        self.lock().evict_oldest();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn take_place(&mut self, origin: Origin) -> Option<()> {
        let held = self.origins.get(&origin);
        let has_its_share =
            origin != Origin::Proxies && held.is_some_and(|held| held.connections >= self.max_per_address);
        if has_its_share {
            let oldest = held.and_then(|held| held.idle.first().copied())?;
            self.evict(oldest);
        } else if self.connections >= self.max {
            self.evict_oldest()?;
        }
        self.connections += 1;
        self.origins.entry(origin).or_default().connections += 1;
        Some(())
    }

    fn add_idle(&mut self, origin: Origin, evicted: &Arc<Notify>) -> u64 {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.idle.insert(ticket, Idle { origin, evicted: Arc::clone(evicted) });
        self.origins.entry(origin).or_default().idle.insert(ticket);
        ticket
    }

    /// `None` if it is no longer idle, or was evicted.
    fn remove_idle(&mut self, ticket: u64) -> Option<Idle> {
        let idle = self.idle.remove(&ticket)?;
        if let Some(held) = self.origins.get_mut(&idle.origin) {
            held.idle.remove(&ticket);
        }
        Some(idle)
    }

    fn evict_oldest(&mut self) -> Option<()> {
        let oldest = *self.idle.first_key_value()?.0;
        self.evict(oldest);
        Some(())
    }

    fn evict(&mut self, ticket: u64) {
        if let Some(idle) = self.remove_idle(ticket) {
            idle.evicted.notify_one();
            self.release(idle.origin);
        }
    }

    fn release(&mut self, origin: Origin) {
        self.connections -= 1;
        if let Some(held) = self.origins.get_mut(&origin) {
            held.connections -= 1;
            if held.connections == 0 {
                self.origins.remove(&origin);
            }
        }
    }
}

/// The place of a connection; given back when this is dropped.
#[derive(Debug)]
pub(super) struct Slot {
    registry: Registry,
    origin: Origin,
    evicted: Arc<Notify>,
    state: Mutex<State>,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// Between two requests, under this ticket.
    Idle(u64),
    Busy,
    Evicted,
}

impl Slot {
    /// Notes that a request is in flight: from here on the connection cannot be evicted. One that was evicted while its request
    /// arrived takes the place of another idle one. False if there is none.
    pub(super) fn begin_request(&self) -> bool {
        let mut state = self.state();
        if let State::Idle(ticket) = *state {
            let mut inner = self.registry.lock();
            let is_held = inner.remove_idle(ticket).is_some() || inner.take_place(self.origin).is_some();
            *state = if is_held { State::Busy } else { State::Evicted };
        }
        matches!(*state, State::Busy)
    }

    /// Notes that the request is answered.
    pub(super) fn end_request(&self) {
        let mut state = self.state();
        if matches!(*state, State::Busy) {
            *state = State::Idle(self.registry.lock().add_idle(self.origin, &self.evicted));
        }
    }

    /// Waits for the eviction.
    pub(super) async fn evicted(&self) {
        self.evicted.notified().await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let state = *self.state();
        let mut inner = self.registry.lock();
        let is_held = match state {
            State::Idle(ticket) => inner.remove_idle(ticket).is_some(),
            State::Busy => true,
            State::Evicted => false,
        };
        if is_held {
            inner.release(self.origin);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(last: u8) -> Origin {
        Origin::of(IpAddr::from([192, 0, 2, last]))
    }

    fn connections(registry: &Registry) -> (usize, usize) {
        let inner = registry.lock();
        assert!(inner.origins.values().map(|held| held.connections).sum::<usize>() == inner.connections);
        (inner.connections, inner.idle.len())
    }

    #[test]
    fn an_address_with_its_share_gives_up_its_own_oldest_idle_connection() {
        let registry = Registry::new(4, 2);
        let other = registry.admit(origin(9)).unwrap();
        let first = registry.admit(origin(1)).unwrap();
        let second = registry.admit(origin(1)).unwrap();
        let third = registry.admit(origin(1)).unwrap();
        assert_eq!(connections(&registry), (3, 3));
        assert!(second.begin_request() && third.begin_request() && other.begin_request());
        // It was evicted for the third, and there is no idle one left whose place it could take.
        assert!(!first.begin_request());
        // Both places of the address are busy.
        assert!(registry.admit(origin(1)).is_none() && registry.admit(origin(2)).is_some());
        assert_eq!(connections(&registry), (3, 0));
    }

    #[test]
    fn a_full_registry_evicts_the_longest_idle_connection_and_never_a_busy_one() {
        let registry = Registry::new(3, 3);
        let [a, b, c] = [1, 2, 3].map(|last| registry.admit(origin(last)).unwrap());
        assert!(a.begin_request() && b.begin_request());
        // Idle again, and for less long than `c`.
        a.end_request();
        let d = registry.admit(origin(4)).unwrap();
        assert!(d.begin_request());
        // Evicted for the fourth while its request arrived, `c` takes the place of `a`.
        assert!(c.begin_request() && b.begin_request());
        assert!(!a.begin_request() && registry.admit(Origin::Proxies).is_none());
        assert_eq!(connections(&registry), (3, 0));
        drop((a, b));
        assert_eq!(connections(&registry), (2, 0));
        drop((c, d));
        assert_eq!(connections(&registry), (0, 0));
        assert!(registry.lock().origins.is_empty());
    }

    #[test]
    fn proxies_have_no_share_and_a_network_of_ipv6_counts_as_one_address() {
        let registry = Registry::new(4, 1);
        let _proxies: Vec<_> = (0..3).map(|_| registry.admit(Origin::Proxies).unwrap()).collect();
        let of = |text: &str| Origin::of(text.parse().unwrap());
        assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
        assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
        assert_eq!(of("::ffff:192.0.2.1"), origin(1));
    }
}
