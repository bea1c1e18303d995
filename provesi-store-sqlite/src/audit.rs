//! Audit records.

mod append;
mod moment;
mod old;
mod rows;

use async_trait::async_trait;
use provesi_core::{AuditChain, AuditHead, AuditQuery, AuditRecord, AuditStore, StoreError, StoredAudit};

use crate::error::is_damage;
use crate::{SqliteStore, sql};
use append::Append;
pub(crate) use old::link_old;
use rows::audit_columns;

/// Also checks what the hashes do not cover: that the moment of each record has its place among those of its millisecond, and
/// that the full-text index finds the record by all its subjects. Text that is not a list of subjects would not be a valid
/// query of that index.
const CHAIN: &str = concat!(
    "SELECT ",
    audit_columns!(),
    ", CASE \
         WHEN (SELECT near.sequence FROM audit AS near \
               WHERE near.moment >= (audit.moment >> 15) << 15 AND near.moment <= audit.moment \
                   AND near.sequence <> audit.sequence \
               ORDER BY near.moment DESC LIMIT 1) > audit.sequence THEN false \
         WHEN subjects = '' THEN true \
         WHEN subjects GLOB '*[^a-z0-9: -]*' OR instr(subjects, char(0)) > 0 THEN false \
         ELSE EXISTS \
             (SELECT 1 FROM audit_subjects AS named \
              WHERE named.audit_subjects MATCH '\"' || replace(audit.subjects, ' ', '\" \"') || '\"' \
              AND named.rowid = audit.moment) END \
     FROM audit WHERE sequence > ?1 ORDER BY sequence LIMIT ?2 + 0"
);

/// The record at the position ?2, ?3 tells its moment. If it was deleted, the page continues with the millisecond before it.
const LATEST: &str = concat!(
    "SELECT ",
    audit_columns!(),
    ", true FROM audit \
     WHERE moment >= ?1 AND moment < coalesce((SELECT last.moment FROM audit AS last WHERE last.sequence = ?3), ?2) \
     ORDER BY moment DESC LIMIT ?4 + 0"
);

/// Compares the subject again, because somebody may have added rows to the index.
const LATEST_OF_SUBJECT: &str = concat!(
    "SELECT ",
    audit_columns!(),
    ", true FROM audit_subjects AS named CROSS JOIN audit ON audit.moment = named.rowid \
     WHERE named.audit_subjects MATCH '\"' || ?5 || '\"' AND named.rowid >= ?1 \
         AND named.rowid < coalesce((SELECT last.moment FROM audit AS last WHERE last.sequence = ?3), ?2) \
         AND instr(' ' || audit.subjects || ' ', ' ' || ?5 || ' ') > 0 \
     ORDER BY named.rowid DESC LIMIT ?4 + 0"
);

/// The statements whose plans a test checks.
#[cfg(test)]
pub(crate) const READS: &[&str] = &[append::HEAD, moment::LAST, CHAIN, LATEST, LATEST_OF_SUBJECT];

/// An append shares its transaction with other writes that wait at the same time.
#[async_trait]
impl AuditStore for SqliteStore {
    async fn append(&self, chain: &AuditChain, records: &[AuditRecord]) -> Result<AuditHead, StoreError> {
        self.writer.write(Append { chain: chain.clone(), records: records.to_vec() }).await
    }

    async fn head(&self) -> Result<AuditHead, StoreError> {
        self.readers.run(append::head).await?
    }

    async fn records(&self, query: &AuditQuery) -> Result<Vec<StoredAudit>, StoreError> {
        let rows = match query {
            AuditQuery::Chain { after, limit } => sqlx::query_as(CHAIN).bind(after).bind(sql::limit(*limit)),
            AuditQuery::Latest { subject, since, before, limit } => {
                let latest = sqlx::query_as(if subject.is_some() { LATEST_OF_SUBJECT } else { LATEST })
                    .bind(since.map_or(i64::MIN, moment::start))
                    .bind(before.map_or(i64::MAX, |before| moment::start(before.at)))
                    .bind(before.map(|before| before.sequence))
                    .bind(sql::limit(*limit));
                if let Some(subject) = subject { latest.bind(subject.to_string()) } else { latest }
            }
        };
        let rows = self.readers.run(async |connection| rows.fetch_all(connection).await).await?;
        let rows = rows.map_err(|error| match query {
            // Checking the chain reads the index at random: damage there is a finding, and no reason to refuse writes.
            AuditQuery::Chain { .. } if is_damage(&error) => StoreError::corrupt(error),
            _ => self.readers.failed(error),
        });
        rows?.into_iter().map(rows::stored).collect()
    }
}
