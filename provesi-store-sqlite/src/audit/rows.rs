//! Rows of audit records.

use provesi_core::{AuditRow, StoreError, StoredAudit, Timestamp};

/// The columns of [`Row`] but the last.
macro_rules! audit_columns {
    () => {
        "audit.sequence, audit.at, audit.actor, audit.address, audit.request_id, audit.action, audit.outcome, audit.fields, \
         audit.subjects, audit.hash"
    };
}
pub(super) use audit_columns;

/// The columns of [`AuditRow`], in its order, and whether the indexes lead to the record.
pub(super) type Row = (i64, i64, String, Option<String>, Option<String>, String, String, String, String, Vec<u8>, bool);

pub(super) fn stored(row: Row) -> Result<StoredAudit, StoreError> {
    let (sequence, at, actor, address, request_id, action, outcome, fields, subjects, hash, is_indexed) = row;
    if !is_indexed {
        return Err(StoreError::corrupt(format!("audit record {sequence}: an index does not lead to it")));
    }
    let at = Timestamp::from_micros(at).map_err(StoreError::corrupt)?;
    let fields = serde_json::from_str(&fields).map_err(StoreError::corrupt)?;
    let subjects = subjects.split_terminator(' ').map(str::to_owned).collect();
    AuditRow { sequence, at, actor, address, request_id, action, outcome, fields, subjects, hash }.try_into()
}
