//! How records are appended.

use async_trait::async_trait;
use provesi_core::{AuditChain, AuditHash, AuditHead, AuditRecord, Field, StoreError, StoredAudit};
use sqlx::sqlite::SqliteConnection;

use super::moment::Moments;
use crate::error::store_error;
use crate::sql;
use crate::writer::Write;

pub(super) const HEAD: &str = "SELECT sequence, hash FROM audit_head WHERE one = 1";

const MOVE_HEAD: &str = "UPDATE audit_head SET sequence = ?1, hash = ?2 WHERE one = 1";

/// Any number of records in one statement, as [`json_each`](sql::json) unfolds them.
const INSERT: &str = "\
    INSERT INTO audit (sequence, moment, actor, address, request_id, action, outcome, fields, subjects, hash) \
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7, \
        value ->> 8, unhex(value ->> 9) \
    FROM json_each(?1)";

/// Has the records after one place found by their subjects. In the order of the index: out of it, each begins a run.
const INDEX: &str = "\
    INSERT INTO audit_subjects (rowid, subjects) \
    SELECT moment, subjects FROM audit WHERE sequence > ?1 AND sequence <= ?2 ORDER BY moment";

/// Records to append.
#[derive(Debug)]
pub(super) struct Append {
    pub(super) chain: AuditChain,
    pub(super) records: Vec<AuditRecord>,
}

#[async_trait]
impl Write for Append {
    type Output = AuditHead;

    async fn run(&self, connection: &mut SqliteConnection) -> Result<AuditHead, StoreError> {
        insert(connection, &self.chain, &self.records).await
    }
}

pub(super) async fn head(connection: &mut SqliteConnection) -> Result<AuditHead, StoreError> {
    let (sequence, hash): (i64, Vec<u8>) = sqlx::query_as(HEAD).fetch_one(connection).await.map_err(store_error)?;
    let hash = hash.try_into().map_err(|_| StoreError::corrupt("the head of the audit cannot be read"))?;
    Ok(AuditHead { sequence, hash: AuditHash::from_bytes(hash) })
}

/// Appends within a transaction that holds the lock for writing, so that nobody else moves the head meanwhile.
pub(super) async fn insert(
    connection: &mut SqliteConnection,
    chain: &AuditChain,
    records: &[AuditRecord],
) -> Result<AuditHead, StoreError> {
    let before = head(connection).await?;
    let mut moments = Moments::after_kept(connection, records).await?;
    let mut head = before;
    let mut rows = Vec::with_capacity(records.len());
    for StoredAudit { sequence, record, hash } in chain.after(before, records) {
        head = AuditHead { sequence, hash };
        let fields: Vec<&str> = record.fields.iter().copied().map(Field::as_str).collect();
        let subjects: Vec<String> = record.subjects.iter().map(ToString::to_string).collect();
        rows.push((
            sequence,
            moments.next(record.at)?,
            record.caller.actor.to_string(),
            record.caller.address.map(|address| address.to_string()),
            record.caller.request_id,
            record.action.as_str(),
            record.outcome.as_str(),
            sql::json(&fields)?,
            subjects.join(" "),
            hash.to_string(),
        ));
    }
    sqlx::query(INSERT).bind(sql::json(&rows)?).execute(&mut *connection).await.map_err(store_error)?;
    sqlx::query(INDEX)
        .bind(before.sequence)
        .bind(head.sequence)
        .execute(&mut *connection)
        .await
        .map_err(store_error)?;
    sqlx::query(MOVE_HEAD)
        .bind(head.sequence)
        .bind(&head.hash.as_bytes()[..])
        .execute(connection)
        .await
        .map_err(store_error)?;
    Ok(head)
}
