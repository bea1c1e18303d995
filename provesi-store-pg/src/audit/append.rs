//! Appending audit records.

use provesi_core::{AuditChain, AuditHead, AuditRecord, AuditRow, StoreError, StoredAudit};
use sqlx::PgConnection;
use sqlx::postgres::PgArguments;

use crate::commit::Statement;
use crate::error::store_error;
use crate::instant::Instant;

/// Locks the head until the end of the transaction, so that concurrent appends wait for each other.
const LOCK_HEAD: &str = "SELECT sequence, hash FROM provesi_audit_head FOR UPDATE";

/// Lists are bound as joined texts, because PostgreSQL has no arrays of arrays of different lengths.
const INSERT: &str = "\
    WITH new (sequence, at, actor, address, request_id, action, outcome, fields, subjects, hash) AS MATERIALIZED (\
        SELECT * FROM unnest($1::bigint[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], \
                             $8::text[], $9::text[], $10::bytea[])), \
    moved AS (UPDATE provesi_audit_head SET sequence = $11, hash = $12), \
    inserted AS (\
        INSERT INTO provesi_audit (sequence, at, actor, address, request_id, action, outcome, fields, hash) \
        SELECT sequence, at, actor, address, request_id, action, outcome, string_to_array(fields, ' '), hash FROM new) \
    INSERT INTO provesi_audit_subjects (sequence, at, subject) \
    SELECT sequence, at, subject FROM new CROSS JOIN unnest(string_to_array(subjects, ' ')) AS subject";

/// Appends within a transaction.
pub(super) async fn append(
    connection: &mut PgConnection,
    chain: &AuditChain,
    records: &[AuditRecord],
) -> Result<AuditHead, StoreError> {
    let (sequence, hash) = sqlx::query_as(LOCK_HEAD).fetch_one(&mut *connection).await.map_err(store_error)?;
    let head = AuditHead::from_row(sequence, hash)?;
    let linked = chain.link_all(head, records);
    let head = linked.last().map_or(head, StoredAudit::head);
    let rows: Vec<_> = linked.into_iter().map(AuditRow::from).collect();
    let mut insert = Statement { text: INSERT, arguments: PgArguments::default() };
    insert.bind(&rows, |row| row.sequence)?;
    insert.bind(&rows, |row| Instant::from(row.at))?;
    insert.bind(&rows, |row| &*row.actor)?;
    insert.bind(&rows, |row| row.address.as_deref())?;
    insert.bind(&rows, |row| row.request_id.as_deref())?;
    insert.bind(&rows, |row| &*row.action)?;
    insert.bind(&rows, |row| &*row.outcome)?;
    insert.bind(&rows, |row| row.fields.join(" "))?;
    insert.bind(&rows, |row| row.subjects.join(" "))?;
    insert.bind(&rows, |row| &*row.hash)?;
    sqlx::query_with(insert.text, insert.arguments)
        .bind(head.sequence)
        .bind(&head.hash.as_bytes()[..])
        .execute(connection)
        .await
        .map_err(store_error)?;
    Ok(head)
}
