//! Records of access.

mod append;
mod old;
mod rows;

use async_trait::async_trait;
use provesi_core::{
    AuditChain, AuditCursor, AuditFilter, AuditHead, AuditRecord, AuditStore, Page, PageLimit, PageRequest, StoreError,
    StoredAudit,
};

use crate::error::store_error;
use crate::instant::Instant;
use crate::sql;
use crate::store::PgStore;
pub(crate) use old::link_old;
use rows::{Row, audit_columns};

const HEAD: &str = "SELECT sequence, hash FROM provesi_audit_head";

const AFTER: &str =
    concat!("SELECT ", audit_columns!(), " FROM provesi_audit AS audit WHERE sequence > $1 ORDER BY sequence LIMIT $2");

const PAGE: &str = concat!(
    "SELECT ",
    audit_columns!(),
    " FROM provesi_audit AS audit WHERE at >= $1 AND at < $2 AND (at, sequence) < ($3, $4) \
     ORDER BY at DESC, sequence DESC LIMIT $5"
);

const PAGE_OF_SUBJECT: &str = concat!(
    "SELECT ",
    audit_columns!(),
    " FROM provesi_audit_subjects AS named JOIN provesi_audit AS audit ON audit.sequence = named.sequence \
     WHERE named.subject = $6 AND named.at >= $1 AND named.at < $2 AND (named.at, named.sequence) < ($3, $4) \
     ORDER BY named.at DESC, named.sequence DESC LIMIT $5"
);

/// The statements whose plans a test looks at.
#[cfg(test)]
pub(crate) const READS: &[&str] = &[AFTER, PAGE, PAGE_OF_SUBJECT];

/// Appending is one short transaction, which holds the head's row: processes that append at the same time wait for each
/// other.
#[async_trait]
impl AuditStore for PgStore {
    async fn append(&self, chain: &AuditChain, records: &[AuditRecord]) -> Result<AuditHead, StoreError> {
        if records.is_empty() {
            return self.head().await;
        }
        self.transact((chain.clone(), records.to_vec()), |connection, (chain, records)| {
            Box::pin(append::insert(connection, chain, records))
        })
        .await
    }

    async fn head(&self) -> Result<AuditHead, StoreError> {
        let (sequence, hash): (i64, Vec<u8>) = self
            .read((), |connection, ()| {
                Box::pin(async move { sqlx::query_as(HEAD).fetch_one(connection).await.map_err(store_error) })
            })
            .await?;
        rows::head(sequence, hash)
    }

    async fn page(
        &self,
        filter: &AuditFilter,
        request: &PageRequest<AuditCursor>,
    ) -> Result<Page<StoredAudit, AuditCursor>, StoreError> {
        let place = request.after.as_ref().map(|cursor| filter.position(cursor)).transpose()?;
        let limit = request.limit;
        let rows: Vec<Row> = self
            .read((filter.clone(), place, limit), |connection, (filter, place, limit)| {
                let AuditFilter { subject, since, until } = filter;
                let text = if subject.is_some() { PAGE_OF_SUBJECT } else { PAGE };
                let mut page = sqlx::query_as(text)
                    .bind(since.map_or(Instant::BEFORE_ALL, Instant::from))
                    .bind(until.map_or(Instant::AFTER_ALL, Instant::from))
                    .bind(place.map_or(Instant::AFTER_ALL, |place| place.at.into()))
                    .bind(place.map_or(i64::MAX, |place| place.sequence))
                    .bind(sql::limit(limit.get() + 1));
                if let Some(subject) = subject {
                    page = page.bind(subject.to_string());
                }
                Box::pin(async move { page.fetch_all(connection).await.map_err(store_error) })
            })
            .await?;
        Ok(Page::from_one_more(rows::records(rows)?, limit, |last| filter.cursor_at(last)))
    }

    async fn after(&self, sequence: i64, limit: PageLimit) -> Result<Vec<StoredAudit>, StoreError> {
        let rows: Vec<Row> = self
            .read((sequence, limit), |connection, (sequence, limit)| {
                let rows = sqlx::query_as(AFTER).bind(*sequence).bind(sql::limit(limit.get())).fetch_all(connection);
                Box::pin(async move { rows.await.map_err(store_error) })
            })
            .await?;
        rows::records(rows)
    }
}
