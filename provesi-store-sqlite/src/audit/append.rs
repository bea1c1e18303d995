//! How records are appended.

use std::fmt::Write as _;

use async_trait::async_trait;
use provesi_core::{AuditChain, AuditHash, AuditHead, AuditRecord, Field, StoreError, StoredAudit, Subject};
use sqlx::sqlite::SqliteConnection;
use sqlx::{QueryBuilder, Sqlite};

use super::moment::Moments;
use crate::error::store_error;
use crate::sql;
use crate::writer::Write;

pub(super) const HEAD: &str = "SELECT sequence, hash FROM audit_head WHERE one = 1";

const MOVE_HEAD: &str = "UPDATE audit_head SET sequence = ?1, hash = ?2 WHERE one = 1";

/// Before the records of one statement.
const INSERT: &str = "\
    INSERT INTO audit (sequence, moment, actor, address, request_id, action, outcome, fields, subjects, hash) ";

/// The most records of one statement. SQLite takes 32,766 values, of which each has ten.
const MAX_ROWS: usize = 256;

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
    for stored in chain.after(before, records) {
        head = AuditHead { sequence: stored.sequence, hash: stored.hash };
        let fields: Vec<&str> = stored.record.fields.iter().copied().map(Field::as_str).collect();
        rows.push((moments.next(stored.record.at)?, sql::json(&fields)?, stored));
    }
    let mut rows = rows.into_iter();
    while rows.len() > 0 {
        // By powers of two, so that there are few statements, which stay prepared.
        let now = MAX_ROWS.min(1 << rows.len().ilog2());
        let mut statement = QueryBuilder::<Sqlite>::new(INSERT);
        statement.push_values(
            rows.by_ref().take(now),
            |mut row, (moment, fields, StoredAudit { sequence, record, hash })| {
                row.push_bind(sequence)
                    .push_bind(moment)
                    .push_bind(record.caller.actor.to_string())
                    .push_bind(record.caller.address.map(|address| address.to_string()))
                    .push_bind(record.caller.request_id.map(String::from))
                    .push_bind(record.action.as_str())
                    .push_bind(record.outcome.as_str())
                    .push_bind(fields)
                    .push_bind(spaced(&record.subjects))
                    .push_bind(hash.as_bytes().to_vec());
            },
        );
        statement.build().execute(&mut *connection).await.map_err(store_error)?;
    }
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

/// Texts of subjects as the table has them.
fn spaced(subjects: &[Subject]) -> String {
    let mut text = String::with_capacity(32 * subjects.len());
    for subject in subjects {
        let between = if text.is_empty() { "" } else { " " };
        write!(text, "{between}{subject}").expect("a String takes all");
    }
    text
}
