//! Records of access.

mod append;
mod old;
mod rows;

use async_trait::async_trait;
use provesi_core::{
    AuditChain, AuditCursor, AuditFilter, AuditHead, AuditPosition, AuditRecord, AuditStore, Page, PageLimit,
    PageRequest, StoreError, StoredAudit, Timestamp,
};

use crate::error::store_error;
use crate::{SqliteStore, sql};
use append::Append;
pub(crate) use old::link_old;
use rows::{Row, audit_columns};

const AFTER: &str = concat!("SELECT ", audit_columns!(), " FROM audit WHERE sequence > ?1 ORDER BY sequence LIMIT ?2");

const PAGE: &str = concat!(
    "SELECT ",
    audit_columns!(),
    " FROM audit WHERE at >= ?1 AND at < ?2 AND (at, sequence) < (?3, ?4) ORDER BY at DESC, sequence DESC LIMIT ?5"
);

const PAGE_OF_SUBJECT: &str = concat!(
    "SELECT ",
    audit_columns!(),
    " FROM audit_subjects AS named CROSS JOIN audit ON audit.sequence = named.sequence \
     WHERE named.subject = ?6 AND named.at >= ?1 AND named.at < ?2 AND (named.at, named.sequence) < (?3, ?4) \
     ORDER BY named.at DESC, named.sequence DESC LIMIT ?5"
);

/// The statements whose plans a test looks at.
#[cfg(test)]
pub(crate) const READS: &[&str] = &[append::HEAD, AFTER, PAGE, PAGE_OF_SUBJECT];

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
        let mut connection = self.readers.acquire().await.map_err(store_error)?;
        append::head(&mut connection).await
    }

    async fn page(
        &self,
        filter: &AuditFilter,
        request: &PageRequest<AuditCursor>,
    ) -> Result<Page<StoredAudit, AuditCursor>, StoreError> {
        let place = request.after.as_ref().map(|cursor| filter.position(cursor)).transpose()?;
        let (at, sequence) =
            place.map_or((i64::MAX, i64::MAX), |AuditPosition { at, sequence }| (at.micros(), sequence));
        let text = if filter.subject.is_some() { PAGE_OF_SUBJECT } else { PAGE };
        let mut page = sqlx::query_as(text)
            .bind(filter.since.map_or(i64::MIN, Timestamp::micros))
            .bind(filter.until.map_or(i64::MAX, Timestamp::micros))
            .bind(at)
            .bind(sequence)
            .bind(sql::limit(request.limit.get() + 1));
        if let Some(subject) = &filter.subject {
            page = page.bind(subject.to_string());
        }
        let rows: Vec<Row> = page.fetch_all(&self.readers).await.map_err(store_error)?;
        let records = rows.into_iter().map(StoredAudit::try_from).collect::<Result<_, _>>()?;
        Ok(Page::from_one_more(records, request.limit, |last| filter.cursor_at(last)))
    }

    async fn after(&self, sequence: i64, limit: PageLimit) -> Result<Vec<StoredAudit>, StoreError> {
        let rows: Vec<Row> = sqlx::query_as(AFTER)
            .bind(sequence)
            .bind(sql::limit(limit.get()))
            .fetch_all(&self.readers)
            .await
            .map_err(store_error)?;
        rows.into_iter().map(StoredAudit::try_from).collect()
    }
}
