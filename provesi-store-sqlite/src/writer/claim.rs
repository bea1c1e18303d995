//! The right to decide about a queued write: its caller withdraws it, or the task runs it. The first one to claim it wins.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Shared by the caller of a write and the task that runs it.
#[derive(Clone, Debug, Default)]
pub(super) struct Claim(Arc<AtomicBool>);

impl Claim {
    /// Whether this is the first call, of either side.
    pub(super) fn take(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }

    /// For the caller: takes the claim when it stops waiting.
    pub(super) const fn taken_on_drop(self) -> TakenOnDrop {
        TakenOnDrop(self)
    }
}

/// A claim that is taken when this is dropped.
#[derive(Debug)]
pub(super) struct TakenOnDrop(Claim);

impl TakenOnDrop {
    pub(super) fn take(&self) -> bool {
        self.0.take()
    }
}

impl Drop for TakenOnDrop {
    fn drop(&mut self) {
        self.0.take();
    }
}
