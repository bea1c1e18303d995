//! Records that were kept before there was a chain: linked in once, in the transaction that makes the chain's tables.

use provesi_core::{AuditChain, StoreError, StoredAudit};
use sqlx::Executor;
use sqlx::sqlite::SqliteConnection;

use super::append::insert;
use super::rows::Row;
use crate::error::store_error;
use crate::sql;

const HAS_OLD: &str = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'audit_unlinked'";

/// They have no hash. What the text of a subject was has become lower case.
const OLD: &str = "\
    SELECT id AS sequence, at, actor, address, request_id, action, outcome, fields, zeroblob(32) AS hash, \
        coalesce((SELECT group_concat(lower(subject), ' ') FROM audit_subjects_unlinked WHERE audit_id = id), '') \
            AS subjects \
    FROM audit_unlinked WHERE id > ?1 ORDER BY id LIMIT ?2";

const DROP: &str = "DROP TABLE audit_subjects_unlinked; DROP TABLE audit_unlinked";

const AT_ONCE: usize = 200;

/// Appends the records of the old tables, if they are there, and drops the tables.
pub(crate) async fn link_old(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let tables: i64 = sqlx::query_scalar(HAS_OLD).fetch_one(&mut *connection).await.map_err(store_error)?;
    if tables == 0 {
        return Ok(());
    }
    let mut last = 0;
    loop {
        let rows: Vec<Row> = sqlx::query_as(OLD)
            .bind(last)
            .bind(sql::limit(AT_ONCE))
            .fetch_all(&mut *connection)
            .await
            .map_err(store_error)?;
        let Some(row) = rows.last() else { break };
        last = row.sequence;
        let records = rows.into_iter().map(|row| StoredAudit::try_from(row).map(|stored| stored.record));
        let records: Vec<_> = records.collect::<Result<_, _>>()?;
        insert(connection, &AuditChain::plain(), &records).await?;
    }
    connection.execute(DROP).await.map_err(store_error)?;
    Ok(())
}
