//! Where time and new ids come from, as ports: tests hold both still.

use std::fmt::Debug;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::{ClientId, Timestamp};

/// Where the time comes from.
pub trait Clock: Debug + Send + Sync + 'static {
    /// The time now. MUST be cut to whole milliseconds ([`Timestamp::to_millis`]), MongoDB's precision, so that
    /// every store gives back what it was given.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        // A machine whose clock stands past the year 9999 gets the last instant there is.
        Timestamp::try_from(chrono::Utc::now()).unwrap_or(Timestamp::MAX).to_millis()
    }
}

/// Where new client ids come from.
pub trait IdSource: Debug + Send + Sync + 'static {
    /// An id that was not given before, for a client made at `now`.
    fn client_id(&self, now: Timestamp) -> ClientId;
}

/// Ids laid out as MongoDB's drivers make them: four bytes of seconds, five random bytes of this source, and a
/// counter of three bytes that starts anywhere
/// (<https://www.mongodb.com/docs/manual/reference/bson-types/#objectid>).
#[derive(Debug)]
pub struct ObjectIds {
    source: [u8; 5],
    counter: AtomicU32,
}

impl ObjectIds {
    /// A source with random bytes of its own.
    #[must_use]
    pub fn new() -> Self {
        Self { source: rand::random(), counter: AtomicU32::new(rand::random()) }
    }
}

impl Default for ObjectIds {
    fn default() -> Self {
        Self::new()
    }
}

impl IdSource for ObjectIds {
    fn client_id(&self, now: Timestamp) -> ClientId {
        let seconds = u32::try_from(now.micros() / 1_000_000).unwrap_or(u32::MAX);
        let count = self.counter.fetch_add(1, Ordering::Relaxed);
        let mut id = [0; 12];
        id[..4].copy_from_slice(&seconds.to_be_bytes());
        id[4..9].copy_from_slice(&self.source);
        id[9..].copy_from_slice(&count.to_be_bytes()[1..]);
        ClientId::from_bytes(id)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_system_clock_gives_whole_milliseconds() {
        let now = SystemClock.now();
        assert_eq!(now, now.to_millis());
    }

    #[test]
    fn object_ids_start_with_the_seconds_and_do_not_repeat() {
        let now: Timestamp = "2026-11-24T03:56:37.613Z".parse().unwrap();
        let ids = ObjectIds::new();
        let made: HashSet<_> = (0..10_000).map(|_| ids.client_id(now)).collect();
        assert_eq!(made.len(), 10_000);
        assert!(made.iter().all(|id| id.to_string().starts_with("6b050af5")), "{:?}", made.iter().next());
    }
}
