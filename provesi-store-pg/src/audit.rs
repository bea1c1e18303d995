//! Records of access.

use async_trait::async_trait;
use provesi_core::{AuditRecord, AuditSink, Field, StoreError, Subject};

use crate::error::store_error;
use crate::instant::Instant;
use crate::patience::write;
use crate::store::PgStore;

/// A record with all its subjects in one statement. It may name somebody twice.
const INSERT: &str = "\
    WITH kept AS (\
        INSERT INTO provesi_audit (at, actor, address, request_id, action, outcome, fields) \
        VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id) \
    INSERT INTO provesi_audit_subjects (audit_id, subject) \
    SELECT DISTINCT kept.id, named.subject FROM kept CROSS JOIN unnest($8::text[]) AS named (subject)";

/// A record is committed once it is acknowledged.
#[async_trait]
impl AuditSink for PgStore {
    async fn record(&self, record: AuditRecord) -> Result<(), StoreError> {
        self.apart(|store| async move {
            let fields: Vec<&str> = record.fields.iter().copied().map(Field::as_str).collect();
            let subjects: Vec<String> = record.subjects.iter().map(Subject::to_string).collect();
            write(|| async {
                sqlx::query(INSERT)
                    .bind(Instant::from(record.at))
                    .bind(record.caller.actor.to_string())
                    .bind(record.caller.address.map(|address| address.to_string()))
                    .bind(record.caller.request_id.as_deref())
                    .bind(record.action.as_str())
                    .bind(record.outcome.as_str())
                    .bind(&fields)
                    .bind(&subjects)
                    .execute(&store.pool)
                    .await
                    .map_err(store_error)?;
                Ok(())
            })
            .await
        })
        .await
    }
}
