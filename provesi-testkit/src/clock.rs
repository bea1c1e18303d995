//! A clock and a source of ids that a test holds in its hand.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use provesi_core::{ClientId, Clock, IdSource, Timestamp};

/// A clock that stands still until it is told otherwise.
///
/// ```
/// use std::time::Duration;
/// use provesi_core::Clock;
/// use provesi_testkit::FixedClock;
///
/// let clock = FixedClock::at("2026-11-24T03:56:37Z".parse()?);
/// assert_eq!(clock.now(), clock.now());
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(clock.now().to_string(), "2026-11-24T03:57:37.000Z");
/// # Ok::<(), provesi_core::Invalid>(())
/// ```
#[derive(Debug)]
pub struct FixedClock {
    micros: AtomicI64,
    /// By how much every look at the clock moves it on, after the look.
    tick: i64,
}

impl FixedClock {
    /// A clock that stands at `now`, cut to the millisecond as every clock's.
    #[must_use]
    pub const fn at(now: Timestamp) -> Self {
        Self { micros: AtomicI64::new(now.to_millis().micros()), tick: 0 }
    }

    /// This clock, moving on by `step` after every look at it, so that no two looks see the same instant.
    #[must_use]
    pub fn ticking(self, step: Duration) -> Self {
        Self { tick: whole_micros(step), ..self }
    }

    /// Sets the clock, also back.
    pub fn set(&self, now: Timestamp) {
        self.micros.store(now.to_millis().micros(), Ordering::SeqCst);
    }

    /// Moves the clock on.
    pub fn advance(&self, by: Duration) {
        self.micros.fetch_add(whole_micros(by), Ordering::SeqCst);
    }
}

/// At 2026-01-01T00:00:00Z.
impl Default for FixedClock {
    fn default() -> Self {
        Self::at(crate::instant(0))
    }
}

impl Clock for FixedClock {
    fn now(&self) -> Timestamp {
        let micros = self.micros.fetch_add(self.tick, Ordering::SeqCst);
        Timestamp::from_micros(micros).map_or(Timestamp::MAX, Timestamp::to_millis)
    }
}

fn whole_micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).expect("a test moves a clock by less than 290,000 years")
}

/// Ids counted up from `000000000000000000000001`.
#[derive(Debug, Default)]
pub struct CountingIds {
    given: AtomicU64,
}

impl CountingIds {
    /// A source whose first id is that of [`client_id(1)`](crate::client_id).
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl IdSource for CountingIds {
    fn client_id(&self, _now: Timestamp) -> ClientId {
        crate::client_id(self.given.fetch_add(1, Ordering::SeqCst) + 1)
    }
}
