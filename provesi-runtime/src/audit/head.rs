//! Watches the last record that is known to be stored. A chain without it was tampered with.

use std::sync::Arc;
use std::time::Duration;

use provesi_core::{AuditChain, AuditHead, AuditStore, Chain, VerifyError, verify_head};
use tokio::time::Instant;

/// How often the head is logged.
const PERIOD: Duration = Duration::from_secs(3_600);

/// The target of the records themselves, which no level of the log switches off.
const TARGET: &str = "provesi::audit";

pub(super) struct KnownHead {
    store: Arc<dyn AuditStore>,
    chain: AuditChain,
    known: Option<AuditHead>,
    /// Whether this queue appended `known`, so that `chain` can check it.
    is_own: bool,
    due: Instant,
}

impl KnownHead {
    pub(super) fn new(store: Arc<dyn AuditStore>, chain: AuditChain) -> Self {
        Self { store, chain, known: None, is_own: false, due: Instant::now() + PERIOD }
    }

    /// Reads the head. If the store does not answer, the first append will tell the head.
    pub(super) async fn begin(&mut self) {
        match self.store.head().await {
            Ok(head) => {
                self.known = Some(head);
                self.report("start");
            }
            Err(error) => tracing::warn!(error = %Chain(&error), "the head of the audit could not be read"),
        }
    }

    /// Checks the head that was known before, and remembers `head`, which an append returned. The check comes after the append:
    /// before it, a cut between the two would be missed.
    pub(super) async fn appended(&mut self, head: AuditHead) {
        let before = self.known;
        if let Some(known) = before
            && !self.check(known).await
        {
            // The store did not answer. The next append checks the same head.
            return;
        }
        self.known = Some(head);
        self.is_own = true;
        if before.is_none() {
            self.report("append");
        }
    }

    pub(super) const fn due(&self) -> Instant {
        self.due
    }

    pub(super) fn is_due(&self) -> bool {
        Instant::now() >= self.due
    }

    /// Checks and logs the head, so that a server that appends nothing finds a cut tail within the hour.
    pub(super) async fn report_hourly(&mut self) {
        self.due = Instant::now() + PERIOD;
        if let Some(known) = self.known {
            self.check(known).await;
        }
        self.report("hour");
    }

    /// Logs the head, in the form that `audit verify --expect` takes.
    pub(super) fn report(&self, when: &'static str) {
        if let Some(head) = self.known {
            tracing::info!(target: TARGET, when, head = head.to_string(), "the head of the audit");
        }
    }

    /// Checks the known head. If its record was removed or changed, logs that and forgets it. Returns whether the store answered.
    async fn check(&mut self, known: AuditHead) -> bool {
        let chain = self.is_own.then_some(&self.chain);
        match verify_head(&*self.store, chain, known).await {
            Ok(()) => true,
            Err(VerifyError::Broken(broken)) => {
                self.known = None;
                tracing::error!(
                    target: TARGET,
                    expected = known.to_string(),
                    found = Chain(&broken).to_string(),
                    "the audit was tampered with: a stored record was removed or changed"
                );
                true
            }
            Err(error) => {
                tracing::warn!(error = %Chain(&error), "the audit could not be checked after an append");
                false
            }
        }
    }
}
