//! Records of access.

use async_trait::async_trait;
use provesi_core::{AuditRecord, AuditSink, Field, StoreError, Subject};
use sqlx::sqlite::SqliteConnection;

use crate::error::store_error;
use crate::{SqliteStore, sql};

/// Records that were not waited for ([`AuditAck::Queued`](crate::AuditAck)) are in memory for a twentieth of a second
/// before they are on the disk, longer while the file cannot be written: a process that is killed then loses them,
/// and [`SqliteStore::close`] writes them.
#[async_trait]
impl AuditSink for SqliteStore {
    async fn record(&self, record: AuditRecord) -> Result<(), StoreError> {
        match self.audit_ack {
            crate::AuditAck::Queued => self.writer.enqueue_audit(record).await,
            crate::AuditAck::Committed => self.writer.audit(record).await,
        }
    }
}

/// Ids are given out here, so that the subjects can name them: no other writer comes between.
const NEXT_ID: &str = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'audit'), 0) + 1";

const INSERT: &str = "\
    INSERT INTO audit (id, at, actor, address, request_id, action, outcome, fields) \
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7 \
    FROM json_each(?1)";

/// A record may name somebody twice.
const INSERT_SUBJECTS: &str = "\
    INSERT OR IGNORE INTO audit_subjects (subject, audit_id) SELECT value ->> 0, value ->> 1 FROM json_each(?1)";

pub(crate) async fn insert_all<'a>(
    connection: &mut SqliteConnection,
    records: impl Iterator<Item = &'a AuditRecord> + Send,
) -> Result<(), StoreError> {
    let first: i64 = sqlx::query_scalar(NEXT_ID).fetch_one(&mut *connection).await.map_err(store_error)?;
    let mut rows = Vec::new();
    let mut subjects = Vec::new();
    for (id, record) in (first..).zip(records) {
        let fields: Vec<&str> = record.fields.iter().copied().map(Field::as_str).collect();
        rows.push((
            id,
            record.at.micros(),
            record.caller.actor.to_string(),
            record.caller.address.map(|address| address.to_string()),
            record.caller.request_id.as_deref(),
            record.action.as_str(),
            record.outcome.as_str(),
            sql::json(&fields)?,
        ));
        subjects.extend(record.subjects.iter().map(|subject: &Subject| (subject.to_string(), id)));
    }
    sqlx::query(INSERT).bind(sql::json(&rows)?).execute(&mut *connection).await.map_err(store_error)?;
    if !subjects.is_empty() {
        let subjects = sql::json(&subjects)?;
        sqlx::query(INSERT_SUBJECTS).bind(subjects).execute(connection).await.map_err(store_error)?;
    }
    Ok(())
}
