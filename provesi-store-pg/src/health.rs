//! What a store remembers of its failures: damage that writes met, and why connections cannot be made.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use provesi_core::{Chain, StoreError};
use tokio::time::Instant;

/// How soon after a report, or after the last probe, the disk is probed again.
const PROBE_INTERVAL: Duration = Duration::from_secs(5);

/// How long the reason of a failed connection explains that there are no connections.
const CONNECT_FAILURE_LIFETIME: Duration = Duration::from_secs(10);

#[derive(Debug)]
struct Damage {
    reason: &'static str,
    source: String,
    checked_at: Instant,
}

#[derive(Debug, Default)]
pub(crate) struct Health {
    damage: Mutex<Option<Damage>>,
    connect_failure: Mutex<Option<(String, Instant)>>,
}

/// A panic does not leave a value half-written here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The server refuses writes: it is a standby. What a ping finds by itself is not remembered.
pub(crate) const READ_ONLY: &str = "read-only";
pub(crate) const DISK_FULL: &str = "disk full";
pub(crate) const CORRUPT: &str = "corrupt";

impl Health {
    /// Remembers damage that a call reports, and forgets it once a write succeeds.
    pub(crate) fn note<T>(&self, is_write: bool, result: &Result<T, StoreError>) {
        match result {
            Ok(_) if is_write => *lock(&self.damage) = None,
            Err(error @ StoreError::Degraded { reason: reason @ (DISK_FULL | CORRUPT), .. }) => {
                let source = Chain(error).to_string();
                *lock(&self.damage) = Some(Damage { reason, source, checked_at: Instant::now() });
            }
            _ => {}
        }
    }

    /// # Errors
    /// [`StoreError::Degraded`] while damage is remembered.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        match &*lock(&self.damage) {
            Some(damage) => Err(StoreError::degraded(damage.reason, damage.source.clone())),
            None => Ok(()),
        }
    }

    /// Whether the caller should probe the disk now. Others are told no for a while.
    pub(crate) fn wants_probe(&self) -> bool {
        let mut damage = lock(&self.damage);
        let due = |damage: &&mut Damage| damage.reason == DISK_FULL && damage.checked_at.elapsed() >= PROBE_INTERVAL;
        let Some(damage) = damage.as_mut().filter(due) else { return false };
        damage.checked_at = Instant::now();
        true
    }

    pub(crate) fn note_connect_failure(&self, failure: Option<String>) {
        *lock(&self.connect_failure) = failure.map(|failure| (failure, Instant::now()));
    }

    /// Why the last connection could not be made, if that was recently.
    pub(crate) fn connect_failure(&self) -> Option<String> {
        let failure = lock(&self.connect_failure);
        failure.as_ref().filter(|(_, at)| at.elapsed() < CONNECT_FAILURE_LIFETIME).map(|(failure, _)| failure.clone())
    }
}
