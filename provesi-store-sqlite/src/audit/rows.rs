//! Rows of records of access.

use provesi_core::{AuditRow, StoreError, StoredAudit};
use sqlx::FromRow;

/// The columns of [`Row`]. A subject counts where it says the record's own instant: by another one it would not be found.
macro_rules! audit_columns {
    () => {
        "audit.sequence, audit.at, actor, address, request_id, action, outcome, fields, hash, \
         (SELECT json_group_array(subject) FROM audit_subjects AS own \
          WHERE own.sequence = audit.sequence AND own.at = audit.at) AS subjects"
    };
}
pub(super) use audit_columns;

/// A record as the tables have it.
#[derive(FromRow)]
pub(super) struct Row {
    pub(super) sequence: i64,
    pub(super) at: i64,
    pub(super) actor: String,
    pub(super) address: Option<String>,
    pub(super) request_id: Option<String>,
    pub(super) action: String,
    pub(super) outcome: String,
    pub(super) fields: String,
    pub(super) hash: Vec<u8>,
    pub(super) subjects: String,
}

impl TryFrom<Row> for StoredAudit {
    type Error = StoreError;
    fn try_from(row: Row) -> Result<Self, StoreError> {
        let list = |json: &str| serde_json::from_str(json).map_err(StoreError::corrupt);
        AuditRow {
            sequence: row.sequence,
            at: row.at,
            actor: row.actor,
            address: row.address,
            request_id: row.request_id,
            action: row.action,
            outcome: row.outcome,
            fields: list(&row.fields)?,
            subjects: list(&row.subjects)?,
            hash: row.hash,
        }
        .try_into()
    }
}
