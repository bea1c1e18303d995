//! Where the audit records of an application go.

use std::sync::Arc;
use std::time::Duration;

use provesi_core::{App, AuditPolicy, AuditStore};
use provesi_runtime::{AuditAck, AuditQueue, QueueOptions};

use super::Stores;
use crate::logging::LogAudit;
use crate::settings::{Audit, AuditSettings};

/// How long queued audit records may take to be stored at the end.
const FLUSH: Duration = Duration::from_secs(5);

/// Stores the queued records.
pub(super) async fn flush(queue: &AuditQueue) {
    queue.close(FLUSH).await;
}

impl Stores {
    /// The audit store.
    pub(crate) fn audit(&self) -> &Arc<dyn AuditStore> {
        &self.audit
    }

    /// `app` with the audit of the settings.
    pub(crate) fn audited(&mut self, app: App, settings: &AuditSettings) -> App {
        match settings.mode {
            Audit::Off => app,
            Audit::Log => app.with_audit(Arc::new(LogAudit::Summary), AuditPolicy::BestEffort),
            Audit::Store => self.recorded(app, settings, AuditAck::Queued, AuditPolicy::BestEffort),
            // A read waits for the commit of its record, and is refused if that fails.
            Audit::Strict => self.recorded(app, settings, AuditAck::Committed, AuditPolicy::Strict),
        }
    }

    /// The application of a command, with its records in the store if the settings say so: a command has no log that is
    /// kept.
    pub(crate) fn command_app(&mut self, settings: &AuditSettings) -> App {
        let app = self.app();
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
        // The log has the records that the store cannot take.
        options.overflow = Some(Arc::new(LogAudit::Complete));
        let queue = AuditQueue::spawn(Arc::clone(&self.audit), options);
        self.queue = Some(queue.clone());
        app.with_audit(Arc::new(queue), policy).with_audit_store(Arc::clone(&self.audit))
    }
}
