//! Adds the records of earlier versions, which had no chain, in the transaction that creates the tables of the chain.

use provesi_core::{AuditChain, StoreError};
use sqlx::Executor;
use sqlx::sqlite::SqliteConnection;

use super::append::append;
use super::rows::{Row, stored};
use crate::error::store_error;
use crate::sql;

const HAS_OLD: &str = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = 'audit_unlinked'";

/// Their subjects were not in lower case, and they had no hash.
const OLD: &str = "\
    SELECT id, at, actor, address, request_id, action, outcome, fields, \
        coalesce((SELECT group_concat(lower(subject), ' ') FROM audit_subjects_unlinked WHERE audit_id = id), ''), \
        zeroblob(32), true \
    FROM audit_unlinked WHERE id > ?1 ORDER BY id LIMIT ?2 + 0";

const DROP: &str = "DROP TABLE audit_subjects_unlinked; DROP TABLE audit_unlinked";

const CHUNK: usize = 200;

/// Appends the records of the old tables, if they exist, and drops the tables.
pub(crate) async fn link_old(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let tables: i64 = sqlx::query_scalar(HAS_OLD).fetch_one(&mut *connection).await.map_err(store_error)?;
    if tables == 0 {
        return Ok(());
    }
    let mut last = 0;
    loop {
        let rows = sqlx::query_as(OLD).bind(last).bind(sql::limit(CHUNK)).fetch_all(&mut *connection).await;
        let rows: Vec<Row> = rows.map_err(store_error)?;
        let Some(row) = rows.last() else { break };
        last = row.0;
        let records = rows.into_iter().map(|row| Ok(stored(row)?.record)).collect::<Result<Vec<_>, StoreError>>()?;
        append(connection, &AuditChain::plain(), &records).await?;
    }
    connection.execute(DROP).await.map_err(store_error)?;
    Ok(())
}
