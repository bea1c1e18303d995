//! Records of access.

use std::cmp::Reverse;

use async_trait::async_trait;
use provesi_core::{
    AuditChain, AuditCursor, AuditFilter, AuditHead, AuditPosition, AuditRecord, AuditSink, AuditStore, Page,
    PageLimit, PageRequest, StoreError, StoredAudit,
};

use super::{MemoryStore, State};

impl MemoryStore {
    /// The records of access so far, oldest first, as they are kept.
    #[must_use]
    pub fn audit_records(&self) -> Vec<AuditRecord> {
        self.lock().audit.iter().map(|stored| stored.record.clone()).collect()
    }

    /// Does to the kept records what nobody should: for tests of who notices.
    pub fn tamper_with_audit(&self, change: impl FnOnce(&mut Vec<StoredAudit>)) {
        change(&mut self.lock().audit);
    }
}

impl State {
    fn audit_head(&self) -> AuditHead {
        let head = |last: &StoredAudit| AuditHead { sequence: last.sequence, hash: last.hash };
        self.audit.last().map_or(AuditHead::START, head)
    }

    fn append(&mut self, chain: &AuditChain, records: &[AuditRecord]) -> AuditHead {
        let linked: Vec<_> = chain.after(self.audit_head(), records).collect();
        self.audit.extend(linked);
        self.audit_head()
    }
}

/// Each record is kept at once, in a chain without a key.
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

    async fn page(
        &self,
        filter: &AuditFilter,
        request: &PageRequest<AuditCursor>,
    ) -> Result<Page<StoredAudit, AuditCursor>, StoreError> {
        let place = |stored: &StoredAudit| AuditPosition { at: stored.record.at, sequence: stored.sequence };
        let after = request.after.as_ref().map(|cursor| filter.position(cursor)).transpose()?;
        let state = self.lock();
        let rows = state.audit.iter().filter(|stored| filter.matches(&stored.record));
        let mut rows: Vec<_> = rows.filter(|stored| after.is_none_or(|after| place(stored) < after)).collect();
        rows.sort_unstable_by_key(|stored| Reverse(place(stored)));
        let rows = rows.into_iter().take(request.limit.get() + 1).cloned().collect();
        Ok(Page::from_one_more(rows, request.limit, |last| filter.cursor_at(last)))
    }

    async fn after(&self, sequence: i64, limit: PageLimit) -> Result<Vec<StoredAudit>, StoreError> {
        Ok(self.lock().audit.iter().filter(|stored| stored.sequence > sequence).take(limit.get()).cloned().collect())
    }
}
