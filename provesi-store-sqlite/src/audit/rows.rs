//! Rows of records of access.

use provesi_core::{AuditRow, StoreError, StoredAudit};
use sqlx::FromRow;

/// The columns of [`Row`].
macro_rules! audit_columns {
    () => {
        "audit.sequence, audit.at, audit.actor, audit.address, audit.request_id, audit.action, audit.outcome, audit.fields, \
         audit.hash, audit.subjects"
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

/// A record, and whether who looks for it finds it.
#[derive(FromRow)]
pub(super) struct Indexed {
    #[sqlx(flatten)]
    row: Row,
    found: bool,
}

impl TryFrom<Indexed> for StoredAudit {
    type Error = StoreError;
    fn try_from(Indexed { row, found }: Indexed) -> Result<Self, StoreError> {
        if found {
            return row.try_into();
        }
        Err(StoreError::corrupt(format!(
            "record of access {}: it is not found by its subjects, or not in its place",
            row.sequence
        )))
    }
}

impl TryFrom<Row> for StoredAudit {
    type Error = StoreError;
    fn try_from(row: Row) -> Result<Self, StoreError> {
        AuditRow {
            sequence: row.sequence,
            at: row.at,
            actor: row.actor,
            address: row.address,
            request_id: row.request_id,
            action: row.action,
            outcome: row.outcome,
            fields: serde_json::from_str(&row.fields).map_err(StoreError::corrupt)?,
            subjects: row.subjects.split_terminator(' ').map(str::to_owned).collect(),
            hash: row.hash,
        }
        .try_into()
    }
}
