//! Faults of the ports of audit records.

use async_trait::async_trait;
use provesi_core::{AuditChain, AuditHead, AuditQuery, AuditRecord, AuditSink, AuditStore, StoreError, StoredAudit};

use super::{Call, FaultyStore, outcome_unknown, unavailable};

#[async_trait]
impl<S: AuditSink> AuditSink for FaultyStore<S> {
    async fn record(&self, record: AuditRecord) -> Result<(), StoreError> {
        self.faults.around(Call::Record, outcome_unknown, self.inner.record(record)).await
    }
}

#[async_trait]
impl<S: AuditStore> AuditStore for FaultyStore<S> {
    async fn append(&self, chain: &AuditChain, records: &[AuditRecord]) -> Result<AuditHead, StoreError> {
        self.faults.around(Call::Append, outcome_unknown, self.inner.append(chain, records)).await
    }

    async fn head(&self) -> Result<AuditHead, StoreError> {
        self.faults.around(Call::Head, unavailable, self.inner.head()).await
    }

    async fn records(&self, query: &AuditQuery) -> Result<Vec<StoredAudit>, StoreError> {
        self.faults.around(Call::Records, unavailable, self.inner.records(query)).await
    }
}
