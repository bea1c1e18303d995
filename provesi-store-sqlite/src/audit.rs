//! Records of access.

mod append;
mod moment;
mod old;
mod rows;

use async_trait::async_trait;
use provesi_core::{
    AuditChain, AuditCursor, AuditFilter, AuditHead, AuditPosition, AuditRecord, AuditStore, Page, PageLimit,
    PageRequest, StoreError, StoredAudit,
};

use crate::error::is_damage;
use crate::{SqliteStore, sql};
use append::Append;
pub(crate) use old::link_old;
use rows::{Indexed, Row, audit_columns};

/// With whether who looks for the record finds it: by all its subjects, and in its place in the list, which the count in
/// its moment says and no hash. What is no list of subjects would be no query either.
const AFTER: &str = concat!(
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
              AND named.rowid = audit.moment) END AS found \
     FROM audit WHERE sequence > ?1 ORDER BY sequence LIMIT ?2"
);

/// ?3 is where a page goes on whose last record is no longer there.
const PAGE: &str = concat!(
    "SELECT ",
    audit_columns!(),
    " FROM audit WHERE moment >= ?1 \
         AND moment < min(?2, coalesce((SELECT last.moment FROM audit AS last WHERE last.sequence = ?4), ?3)) \
     ORDER BY moment DESC LIMIT ?5"
);

/// The same of one subject. What the index has too much is left out.
const PAGE_OF_SUBJECT: &str = concat!(
    "SELECT ",
    audit_columns!(),
    " FROM audit_subjects AS named CROSS JOIN audit ON audit.moment = named.rowid \
     WHERE named.audit_subjects MATCH '\"' || ?6 || '\"' AND named.rowid >= ?1 \
         AND named.rowid < min(?2, coalesce((SELECT last.moment FROM audit AS last WHERE last.sequence = ?4), ?3)) \
         AND instr(' ' || audit.subjects || ' ', ' ' || ?6 || ' ') > 0 \
     ORDER BY named.rowid DESC LIMIT ?5"
);

/// The statements whose plans a test looks at.
#[cfg(test)]
pub(crate) const READS: &[&str] = &[append::HEAD, moment::LAST, AFTER, PAGE, PAGE_OF_SUBJECT];

/// Records share a transaction with whatever else is written at their moment.
#[async_trait]
impl AuditStore for SqliteStore {
    async fn append(&self, chain: &AuditChain, records: &[AuditRecord]) -> Result<AuditHead, StoreError> {
        if records.is_empty() {
            return AuditStore::head(self).await;
        }
        self.writer.write(Append { chain: chain.clone(), records: records.to_vec() }).await
    }

    async fn head(&self) -> Result<AuditHead, StoreError> {
        let mut connection = self.readers.pool.acquire().await.map_err(|error| self.readers.failed(error))?;
        append::head(&mut connection).await
    }

    async fn page(
        &self,
        filter: &AuditFilter,
        request: &PageRequest<AuditCursor>,
    ) -> Result<Page<StoredAudit, AuditCursor>, StoreError> {
        let place = request.after.as_ref().map(|cursor| filter.position(cursor)).transpose()?;
        let (before, last) =
            place.map_or((i64::MAX, None), |AuditPosition { at, sequence }| (moment::start(at), Some(sequence)));
        let AuditFilter { subject, since, until } = filter;
        let text = if subject.is_some() { PAGE_OF_SUBJECT } else { PAGE };
        let mut page = sqlx::query_as(text)
            .bind(since.map_or(i64::MIN, moment::start))
            .bind(until.map_or(i64::MAX, moment::start))
            .bind(before)
            .bind(last)
            .bind(sql::limit(request.limit.get() + 1));
        if let Some(subject) = subject {
            page = page.bind(subject.to_string());
        }
        let rows: Vec<Row> = page.fetch_all(&self.readers.pool).await.map_err(|error| self.readers.failed(error))?;
        let records = rows.into_iter().map(StoredAudit::try_from).collect::<Result<_, _>>()?;
        Ok(Page::from_one_more(records, request.limit, |last| filter.cursor_at(last)))
    }

    async fn after(&self, sequence: i64, limit: PageLimit) -> Result<Vec<StoredAudit>, StoreError> {
        let rows: Vec<Indexed> = sqlx::query_as(AFTER)
            .bind(sequence)
            .bind(sql::limit(limit.get()))
            .fetch_all(&self.readers.pool)
            .await
            // The index, of which a query like this one reads much.
            .map_err(|error| if is_damage(&error) { StoreError::corrupt(error) } else { self.readers.failed(error) })?;
        rows.into_iter().map(StoredAudit::try_from).collect()
    }
}
