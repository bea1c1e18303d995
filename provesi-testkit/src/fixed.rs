//! Time and ids that hold still.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use provesi_core::{ClientId, Clock, IdSource, Timestamp};

/// A clock that stands until it is moved.
#[derive(Debug)]
pub struct FixedClock {
    micros: AtomicI64,
}

impl FixedClock {
    /// A clock that stands at `now`, cut to whole milliseconds.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self { micros: AtomicI64::new(now.to_millis().micros()) }
    }

    /// Moves the clock, back too.
    pub fn advance_millis(&self, millis: i64) {
        self.micros.fetch_add(millis * 1_000, Ordering::Relaxed);
    }

    /// Puts the clock to `now`, cut to whole milliseconds.
    pub fn set(&self, now: Timestamp) {
        self.micros.store(now.to_millis().micros(), Ordering::Relaxed);
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.micros.load(Ordering::Relaxed)).unwrap_or(Timestamp::MAX)
    }
}

/// Ids that count from 1.
#[derive(Debug, Default)]
pub struct CountingIds {
    given: AtomicU64,
}

impl IdSource for CountingIds {
    fn client_id(&self, _now: Timestamp) -> ClientId {
        let count = self.given.fetch_add(1, Ordering::Relaxed) + 1;
        let mut id = [0; 12];
        id[4..].copy_from_slice(&count.to_be_bytes());
        ClientId::from_bytes(id)
    }
}
