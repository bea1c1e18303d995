//! Appending audit records.

use async_trait::async_trait;
use provesi_core::{AuditChain, AuditHead, AuditRecord, AuditRow, StoreError, StoredAudit};
use sqlx::sqlite::SqliteConnection;
use sqlx::{QueryBuilder, Sqlite};

use super::moment::Moments;
use crate::error::store_error;
use crate::sql;
use crate::writer::Write;

pub(super) const HEAD: &str = "SELECT sequence, hash FROM audit_head WHERE one = 1";

const MOVE_HEAD: &str = "UPDATE audit_head SET sequence = ?1, hash = ?2 WHERE one = 1";

/// Without the rows.
const INSERT: &str = "\
    INSERT INTO audit (sequence, moment, actor, address, request_id, action, outcome, fields, subjects, hash) ";

/// The most rows of one statement. SQLite allows 32,766 parameters, and a row has ten.
const MAX_ROWS: usize = 256;

/// Indexes the subjects of the new records. In the order of the index, because each row out of order starts a run.
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
        append(connection, &self.chain, &self.records).await
    }
}

pub(super) async fn head(connection: &mut SqliteConnection) -> Result<AuditHead, StoreError> {
    let (sequence, hash) = sqlx::query_as(HEAD).fetch_one(connection).await.map_err(store_error)?;
    AuditHead::from_row(sequence, hash)
}

/// Appends within a transaction that holds the write lock, so that no other writer moves the head.
pub(super) async fn append(
    connection: &mut SqliteConnection,
    chain: &AuditChain,
    records: &[AuditRecord],
) -> Result<AuditHead, StoreError> {
    let before = head(connection).await?;
    let linked = chain.link_all(before, records);
    let after = linked.last().map_or(before, StoredAudit::head);
    let mut moments = Moments::read(connection, records).await?;
    let mut rows = Vec::with_capacity(linked.len());
    for row in linked.into_iter().map(AuditRow::from) {
        rows.push((moments.next(row.at)?, sql::json(&row.fields)?, row));
    }
    let mut rows = rows.into_iter();
    while rows.len() > 0 {
        // Powers of two keep the number of prepared statements small.
        let count = MAX_ROWS.min(1 << rows.len().ilog2());
        let mut insert = QueryBuilder::<Sqlite>::new(INSERT);
        insert.push_values(rows.by_ref().take(count), |mut values, (moment, fields, row)| {
            values
                .push_bind(row.sequence)
                .push_bind(moment)
                .push_bind(row.actor)
                .push_bind(row.address)
                .push_bind(row.request_id)
                .push_bind(row.action)
                .push_bind(row.outcome)
                .push_bind(fields)
                .push_bind(row.subjects.join(" "))
                .push_bind(row.hash);
        });
        insert.build().execute(&mut *connection).await.map_err(store_error)?;
    }
    let index = sqlx::query(INDEX).bind(before.sequence).bind(after.sequence).execute(&mut *connection);
    index.await.map_err(store_error)?;
    let move_head = sqlx::query(MOVE_HEAD).bind(after.sequence).bind(&after.hash.as_bytes()[..]).execute(connection);
    move_head.await.map_err(store_error)?;
    Ok(after)
}
