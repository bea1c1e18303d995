//! Failures of the store: what is logged, and the overflow.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use provesi_core::{AuditRecord, AuditSink, Chain, StoreError};

/// Whether the store fails, and how many records it did not get. Logs the begin and the end.
pub(super) struct Trouble {
    overflow: Option<Arc<dyn AuditSink>>,
    failing: AtomicBool,
    spilled: AtomicU64,
}

impl Trouble {
    pub(super) fn new(overflow: Option<Arc<dyn AuditSink>>) -> Self {
        Self { overflow, failing: AtomicBool::new(false), spilled: AtomicU64::new(0) }
    }

    /// The store failed.
    pub(super) fn begin(&self, error: &StoreError) {
        if !self.failing.swap(true, Ordering::Relaxed) {
            tracing::error!(error = %Chain(error), "audit records cannot be stored, and wait");
        }
    }

    /// Whether the last append failed.
    pub(super) fn is_known(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    /// The store took records.
    pub(super) fn end(&self) {
        if self.failing.swap(false, Ordering::Relaxed) {
            tracing::info!("audit records are stored again");
        }
        self.log_spilled();
    }

    /// Logs how many records the store did not get since the last call.
    pub(super) fn log_spilled(&self) {
        let records = self.spilled.swap(0, Ordering::Relaxed);
        if records > 0 {
            tracing::error!(records, "audit records were not stored");
        }
    }

    /// Hands a record that the store will not get to the overflow.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if there is none.
    pub(super) async fn spill(&self, record: AuditRecord, why: &'static str) -> Result<(), StoreError> {
        if self.spilled.fetch_add(1, Ordering::Relaxed) == 0 {
            tracing::error!(why, "audit records are not stored");
        }
        match &self.overflow {
            Some(overflow) => overflow.record(record).await,
            None => Err(StoreError::unavailable(why)),
        }
    }
}
