//! The stages of a server, from its start to its end.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio_util::task::TaskTracker;

/// The stage of the server that a router is part of, and the writes that run in it. Cheap to clone; all clones share it.
///
/// `/readyz` answers 503 in every stage but the ready one, in which a router is unless it is told otherwise. A write goes
/// on when its caller hangs up or gets a time-out, so an application waits for the writes before it closes the stores:
///
/// ```
/// # async fn example(options: provesi_http::HttpOptions) {
/// let lifecycle = options.lifecycle.clone();
/// // On a signal:
/// lifecycle.set_draining();
/// // When the server has ended:
/// lifecycle.finish_writes().await;
/// // Close the stores.
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct Lifecycle(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    stage: Mutex<Stage>,
    writes: TaskTracker,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Stage {
    #[default]
    Ready,
    Starting {
        /// What the server waits for.
        reason: Option<&'static str>,
    },
    Draining,
}

impl Lifecycle {
    /// A server that is not ready until [`set_ready`](Self::set_ready).
    #[must_use]
    pub fn starting() -> Self {
        let lifecycle = Self::default();
        *lifecycle.lock() = Stage::Starting { reason: None };
        lifecycle
    }

    /// Sets what a server that is starting waits for, such as `orders_unavailable`. `/readyz` shows it to anybody.
    pub fn set_waiting_for(&self, reason: &'static str) {
        if let Stage::Starting { reason: current } = &mut *self.lock() {
            *current = Some(reason);
        }
    }

    /// The server is ready, unless it is draining already.
    pub fn set_ready(&self) {
        let mut stage = self.lock();
        if matches!(*stage, Stage::Starting { .. }) {
            *stage = Stage::Ready;
        }
    }

    /// The server is about to end: `/readyz` answers 503 from here on, everything else as before.
    pub fn set_draining(&self) {
        *self.lock() = Stage::Draining;
    }

    /// Waits until no write is running. Call it when no more requests come: a write that starts meanwhile is waited for too.
    pub async fn finish_writes(&self) {
        self.0.writes.close();
        self.0.writes.wait().await;
    }

    pub(crate) fn stage(&self) -> Stage {
        *self.lock()
    }

    pub(crate) fn writes(&self) -> &TaskTracker {
        &self.0.writes
    }

    fn lock(&self) -> MutexGuard<'_, Stage> {
        self.0.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
