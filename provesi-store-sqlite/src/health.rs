//! What a store remembers of failures that keep it from doing all of its work, for `ping`.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use provesi_core::StoreError;

/// Reasons of [`StoreError::Degraded`].
pub(crate) const DISK_FULL: &str = "disk full";
pub(crate) const READ_ONLY: &str = "read-only";
pub(crate) const CORRUPT: &str = "corrupt";
pub(crate) const IO_ERROR: &str = "I/O error";

/// Shared by the readers, the writer and `ping` of one store.
#[derive(Clone, Debug, Default)]
pub(crate) struct Health(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    is_probing: AtomicBool,
}

/// What is known of the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Nothing was written yet: the file may be read-only.
    #[default]
    Unknown,
    Writable,
    /// The reason. Holds until the probe succeeds.
    Degraded(&'static str),
    /// A page is damaged. Holds until the store is opened again: a write elsewhere in the file repairs nothing.
    Corrupt,
}

impl Health {
    /// Checks that nothing is known to be wrong with the file.
    ///
    /// # Errors
    /// [`StoreError::Degraded`].
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        match self.state() {
            State::Unknown | State::Writable => Ok(()),
            State::Degraded(reason) => Err(StoreError::degraded(reason, "an earlier call failed")),
            State::Corrupt => Err(StoreError::degraded(CORRUPT, "an earlier call read a damaged page")),
        }
    }

    /// Whether the caller must run the probe: the state is not known or may have passed, and no other probe runs.
    pub(crate) fn start_probe(&self) -> bool {
        matches!(self.state(), State::Unknown | State::Degraded(_)) && !self.0.is_probing.swap(true, Ordering::AcqRel)
    }

    pub(crate) fn end_probe(&self, outcome: Result<(), StoreError>) {
        // The writer recorded what a failure means.
        if outcome.is_ok() {
            self.set(State::Writable);
        }
        self.0.is_probing.store(false, Ordering::Release);
    }

    fn state(&self) -> State {
        *self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records what a failure says of the file. Other errors say nothing of it.
    pub(crate) fn record(&self, error: &StoreError) {
        match error {
            StoreError::Degraded { reason: CORRUPT, .. } => self.set(State::Corrupt),
            // A deleted file is looked for at each call, and needs no memory.
            StoreError::Degraded { reason: reason @ (DISK_FULL | READ_ONLY | IO_ERROR), .. } => {
                self.set(State::Degraded(reason));
            }
            // The commit reached SQLite and failed.
            StoreError::OutcomeUnknown { .. } => self.set(State::Degraded(IO_ERROR)),
            _ => {}
        }
    }

    fn set(&self, new: State) {
        let mut state = self.0.state.lock().unwrap_or_else(PoisonError::into_inner);
        if *state == new || *state == State::Corrupt {
            return;
        }
        match new {
            State::Degraded(reason) => tracing::error!(reason, "the database file is degraded"),
            State::Corrupt => {
                tracing::error!("the database file is damaged: restore a backup, or run `.recover` on it")
            }
            State::Writable if *state != State::Unknown => tracing::info!("the database file can be written again"),
            State::Writable | State::Unknown => {}
        }
        *state = new;
    }
}
