//! Records that were kept before there was a chain: linked in once, in the transaction that makes the chain's tables.

use provesi_core::{AuditChain, StoreError};
use sqlx::{Executor, PgConnection};

use super::append::insert;
use super::rows::{self, Row};
use crate::error::store_error;
use crate::sql;

/// They have no hash. What the text of a subject was has become lower case.
const OLD: &str = "\
    SELECT id AS sequence, at, actor, address, request_id, action, outcome, fields, \
        decode(repeat('00', 32), 'hex') AS hash, \
        ARRAY(SELECT lower(subject COLLATE \"C\") FROM provesi_audit_subjects_unlinked WHERE audit_id = id) AS subjects \
    FROM provesi_audit_unlinked WHERE id > $1 ORDER BY id LIMIT $2";

const DROP: &str = "DROP TABLE provesi_audit_subjects_unlinked, provesi_audit_unlinked";

const AT_ONCE: usize = 200;

/// Appends the records of the old tables and drops the tables.
pub(crate) async fn link_old(connection: &mut PgConnection) -> Result<(), StoreError> {
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
        let records: Vec<_> = rows::records(rows)?.into_iter().map(|stored| stored.record).collect();
        insert(connection, &AuditChain::plain(), &records).await?;
    }
    connection.execute(DROP).await.map_err(store_error)?;
    Ok(())
}
