//! Rows of audit records.

use provesi_core::{AuditRow, StoreError, StoredAudit};

use crate::instant::Instant;

/// The columns of [`Row`]. A subject with another instant than its record does not count: a search would not find it.
macro_rules! audit_columns {
    () => {
        "audit.sequence, audit.at, actor, address, request_id, action, outcome, fields, \
         ARRAY(SELECT own.subject FROM provesi_audit_subjects AS own \
               WHERE own.sequence = audit.sequence AND own.at = audit.at), hash"
    };
}
pub(super) use audit_columns;

/// The columns of [`AuditRow`], in its order.
pub(super) type Row =
    (i64, Instant, String, Option<String>, Option<String>, String, String, Vec<String>, Vec<String>, Vec<u8>);

pub(super) fn stored(row: Row) -> Result<StoredAudit, StoreError> {
    let (sequence, at, actor, address, request_id, action, outcome, fields, subjects, hash) = row;
    let at = at.try_into().map_err(StoreError::corrupt)?;
    AuditRow { sequence, at, actor, address, request_id, action, outcome, fields, subjects, hash }.try_into()
}
