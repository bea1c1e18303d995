//! Audit records.

mod append;
mod old;
mod rows;

use async_trait::async_trait;
use provesi_core::{AuditChain, AuditHead, AuditQuery, AuditRecord, AuditStore, StoreError, StoredAudit};

use crate::error::store_error;
use crate::instant::Instant;
use crate::sql;
use crate::store::PgStore;
pub(crate) use old::link_old;
use rows::audit_columns;

const HEAD: &str = "SELECT sequence, hash FROM provesi_audit_head";

const CHAIN: &str =
    concat!("SELECT ", audit_columns!(), " FROM provesi_audit AS audit WHERE sequence > $1 ORDER BY sequence LIMIT $2");

const LATEST: &str = concat!(
    "SELECT ",
    audit_columns!(),
    " FROM provesi_audit AS audit WHERE at >= $1 AND (at, sequence) < ($2, $3) \
     ORDER BY at DESC, sequence DESC LIMIT $4"
);

const LATEST_OF_SUBJECT: &str = concat!(
    "SELECT ",
    audit_columns!(),
    " FROM provesi_audit_subjects AS named JOIN provesi_audit AS audit ON audit.sequence = named.sequence \
     WHERE named.subject = $5 AND named.at >= $1 AND (named.at, named.sequence) < ($2, $3) \
     ORDER BY named.at DESC, named.sequence DESC LIMIT $4"
);

/// The statements whose plans a test checks.
#[cfg(test)]
pub(crate) const READS: &[&str] = &[CHAIN, LATEST, LATEST_OF_SUBJECT];

/// An append is one short transaction that locks the row of the head: concurrent appends wait for each other.
#[async_trait]
impl AuditStore for PgStore {
    async fn append(&self, chain: &AuditChain, records: &[AuditRecord]) -> Result<AuditHead, StoreError> {
        self.transact((chain.clone(), records.to_vec()), |connection, (chain, records)| {
            Box::pin(append::append(connection, chain, records))
        })
        .await
    }

    async fn head(&self) -> Result<AuditHead, StoreError> {
        let head = self.read((), |connection, ()| {
            Box::pin(async move { sqlx::query_as(HEAD).fetch_one(connection).await.map_err(store_error) })
        });
        let (sequence, hash) = head.await?;
        AuditHead::from_row(sequence, hash)
    }

    async fn records(&self, query: &AuditQuery) -> Result<Vec<StoredAudit>, StoreError> {
        let rows = self.read(query.clone(), |connection, query| {
            let rows = match query {
                AuditQuery::Chain { after, limit } => sqlx::query_as(CHAIN).bind(*after).bind(sql::limit(*limit)),
                AuditQuery::Latest { subject, since, before, limit } => {
                    let latest = sqlx::query_as(if subject.is_some() { LATEST_OF_SUBJECT } else { LATEST })
                        .bind(since.map_or(Instant::BEFORE_ALL, Instant::from))
                        .bind(before.map_or(Instant::AFTER_ALL, |before| before.at.into()))
                        .bind(before.map_or(i64::MAX, |before| before.sequence))
                        .bind(sql::limit(*limit));
                    if let Some(subject) = subject { latest.bind(subject.to_string()) } else { latest }
                }
            };
            Box::pin(async move { rows.fetch_all(connection).await.map_err(store_error) })
        });
        rows.await?.into_iter().map(rows::stored).collect()
    }
}
