//! Where the records of access of an application go.

use std::sync::Arc;
use std::time::Duration;

use provesi_audit::{AuditAck, AuditQueue, QueueOptions};
use provesi_core::{App, AuditPolicy, AuditStore};

use super::Stores;
use crate::logging::LogAudit;
use crate::settings::{Audit, AuditSettings};

/// How long records of access that wait are tried to be written at the end.
const FLUSH: Duration = Duration::from_secs(5);

/// Writes what waits.
pub(super) async fn flush(queue: &AuditQueue) {
    queue.close(FLUSH).await;
}

impl Stores {
    /// Where records of access are kept.
    pub(crate) fn audit(&self) -> &Arc<dyn AuditStore> {
        &self.audit
    }

    /// `app` with the audit that was asked for.
    pub(crate) fn audited(&mut self, app: App, settings: &AuditSettings) -> App {
        match settings.mode {
            Audit::Off => app,
            Audit::Log => app.with_audit(Arc::new(LogAudit::Summary), AuditPolicy::BestEffort),
            Audit::Store => self.recorded(app, settings, AuditAck::Queued, AuditPolicy::BestEffort),
            // What is handed out is on record: a read waits until its record is committed, and is not handed out where
            // that cannot be.
            Audit::Strict => self.recorded(app, settings, AuditAck::Committed, AuditPolicy::Strict),
        }
    }

    /// `app` with its records in the store, where that was asked for: commands have no log that is kept.
    pub(crate) fn audited_command(&mut self, app: App, settings: &AuditSettings) -> App {
        if settings.mode.is_stored() { self.audited(app, settings) } else { app }
    }

    fn recorded(&mut self, app: App, settings: &AuditSettings, ack: AuditAck, policy: AuditPolicy) -> App {
        if !settings.chain.is_keyed() {
            tracing::warn!(
                "PROVESI_AUDIT_KEY is not set: who may write to the store of the audit can replace its records unseen"
            );
        }
        let mut options = QueueOptions::default();
        options.chain = settings.chain.clone();
        options.ack = ack;
        // What the store cannot take is at least in the log.
        options.overflow = Some(Arc::new(LogAudit::Complete));
        let queue = AuditQueue::spawn(Arc::clone(&self.audit), options);
        self.queue = Some(queue.clone());
        app.with_audit(Arc::new(queue), policy).with_audit_store(Arc::clone(&self.audit))
    }
}
