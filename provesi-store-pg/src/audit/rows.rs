//! Rows of records of access.

use provesi_core::{AuditHash, AuditHead, AuditRow, StoreError, StoredAudit, Timestamp};
use sqlx::FromRow;

use crate::instant::Instant;

/// The columns of [`Row`]. A subject counts where it says the record's own instant: by another one it would not be found.
macro_rules! audit_columns {
    () => {
        "audit.sequence, audit.at, actor, address, request_id, action, outcome, fields, hash, \
         ARRAY(SELECT own.subject FROM provesi_audit_subjects AS own \
               WHERE own.sequence = audit.sequence AND own.at = audit.at) AS subjects"
    };
}
pub(super) use audit_columns;

/// A record as the tables have it.
#[derive(FromRow)]
pub(super) struct Row {
    pub(super) sequence: i64,
    at: Instant,
    actor: String,
    address: Option<String>,
    request_id: Option<String>,
    action: String,
    outcome: String,
    fields: Vec<String>,
    hash: Vec<u8>,
    subjects: Vec<String>,
}

impl TryFrom<Row> for StoredAudit {
    type Error = StoreError;
    fn try_from(row: Row) -> Result<Self, StoreError> {
        AuditRow {
            sequence: row.sequence,
            at: Timestamp::try_from(row.at).map_err(StoreError::corrupt)?.micros(),
            actor: row.actor,
            address: row.address,
            request_id: row.request_id,
            action: row.action,
            outcome: row.outcome,
            fields: row.fields,
            subjects: row.subjects,
            hash: row.hash,
        }
        .try_into()
    }
}

pub(super) fn records(rows: Vec<Row>) -> Result<Vec<StoredAudit>, StoreError> {
    rows.into_iter().map(StoredAudit::try_from).collect()
}

pub(super) fn head(sequence: i64, hash: Vec<u8>) -> Result<AuditHead, StoreError> {
    let hash = hash.try_into().map_err(|_| StoreError::corrupt("the head of the audit cannot be read"))?;
    Ok(AuditHead { sequence, hash: AuditHash::from_bytes(hash) })
}
