//! Logs, and the audit that goes to them.

use std::io::{self, IsTerminal};

use async_trait::async_trait;
use provesi_core::{AuditRecord, AuditSink, StoreError};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::settings::LogSettings;

/// Starts logging to standard error, so that standard output holds what a command was asked for and nothing else.
pub(crate) fn start(settings: LogSettings) {
    let layer = tracing_subscriber::fmt::layer().with_writer(io::stderr);
    let registry = tracing_subscriber::registry().with(settings.filter);
    // A second start, in tests, leaves the first as it is.
    let _ = if settings.json {
        registry.with(layer.json()).try_init()
    } else {
        registry.with(layer.with_ansi(io::stderr().is_terminal())).try_init()
    };
}

/// Writes each access as an event of the target `provesi::audit`: ids, numbers and names of fields, never what a
/// field says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LogAudit;

#[async_trait]
impl AuditSink for LogAudit {
    async fn record(&self, record: AuditRecord) -> Result<(), StoreError> {
        // A list has up to 2,000 subjects: they are written out only where somebody reads them.
        if !tracing::enabled!(target: "provesi::audit", tracing::Level::INFO) {
            return Ok(());
        }
        let join = |words: Vec<String>| words.join(" ");
        tracing::info!(
            target: "provesi::audit",
            at = %record.at,
            actor = %record.caller.actor,
            address = record.caller.address.map(tracing::field::display),
            request_id = record.caller.request_id.as_deref(),
            action = record.action.as_str(),
            outcome = record.outcome.as_str(),
            subjects = join(record.subjects.iter().map(ToString::to_string).collect()),
            fields = join(record.fields.iter().map(ToString::to_string).collect()),
        );
        Ok(())
    }
}
