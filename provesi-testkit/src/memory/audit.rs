//! Audit records.

use std::cmp::Reverse;

use async_trait::async_trait;
use provesi_core::{AuditChain, AuditHead, AuditQuery, AuditRecord, AuditSink, AuditStore, StoreError, StoredAudit};

use super::{MemoryStore, State};

impl MemoryStore {
    /// The audit records so far, in their stored form and order.
    #[must_use]
    pub fn audit_records(&self) -> Vec<AuditRecord> {
        self.lock().audit.iter().map(|stored| stored.record.clone()).collect()
    }

    /// Changes the stored records past the port, for tests that tampering is found.
    pub fn tamper_with_audit(&self, change: impl FnOnce(&mut Vec<StoredAudit>)) {
        change(&mut self.lock().audit);
    }
}

impl State {
    fn audit_head(&self) -> AuditHead {
        self.audit.last().map_or(AuditHead::START, StoredAudit::head)
    }

    fn append(&mut self, chain: &AuditChain, records: &[AuditRecord]) -> AuditHead {
        let linked = chain.link_all(self.audit_head(), records);
        self.audit.extend(linked);
        self.audit_head()
    }
}

/// Stores each record immediately, in a chain without a key.
#[async_trait]
impl AuditSink for MemoryStore {
    async fn record(&self, record: AuditRecord) -> Result<(), StoreError> {
        self.lock().append(&AuditChain::plain(), &[record]);
        Ok(())
    }
}

#[async_trait]
impl AuditStore for MemoryStore {
    async fn append(&self, chain: &AuditChain, records: &[AuditRecord]) -> Result<AuditHead, StoreError> {
        Ok(self.lock().append(chain, records))
    }

    async fn head(&self) -> Result<AuditHead, StoreError> {
        Ok(self.lock().audit_head())
    }

    async fn records(&self, query: &AuditQuery) -> Result<Vec<StoredAudit>, StoreError> {
        let state = self.lock();
        let mut records: Vec<_> = state.audit.iter().collect();
        let limit = match query {
            AuditQuery::Chain { after, limit } => {
                records.retain(|stored| stored.sequence > *after);
                *limit
            }
            AuditQuery::Latest { subject, since, before, limit } => {
                records.retain(|stored| {
                    subject.as_ref().is_none_or(|subject| stored.record.subjects.contains(subject))
                        && since.is_none_or(|since| stored.record.at >= since)
                        && before.is_none_or(|before| stored.position() < before)
                });
                records.sort_unstable_by_key(|stored| Reverse(stored.position()));
                *limit
            }
        };
        Ok(records.into_iter().take(limit).cloned().collect())
    }
}
