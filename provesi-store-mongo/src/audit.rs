//! Audit records, in a collection of their own.

mod append;
mod documents;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::TryStreamExt;
use mongodb::bson::{Document, RawDocumentBuf, doc};
use mongodb::options::{CollectionOptions, IndexOptions, ReadConcern, ReadPreference, SelectionCriteria};
use mongodb::{Collection, Database, IndexModel};
use provesi_core::{
    AuditChain, AuditHead, AuditPosition, AuditQuery, AuditRecord, AuditStore, StoreAdmin, StoreError, StoreId,
    StoredAudit,
};

use crate::documents::date;
use crate::error::store_error;
use crate::migrations::{indexes, name};
use crate::options;
use crate::store::{Deadline, InFlight, foreign_collections, write_concern};

/// The name of the collection.
pub(crate) const AUDIT: &str = "provesi_audit";

/// Audit records in the collection `provesi_audit` of a MongoDB database. A standalone server suffices: the sequence number of a
/// record is its `_id`, so that two processes cannot both take it, and the slower one takes the next.
///
/// Handles are cheap to clone and share the client of the caller, which they neither create nor close.
#[derive(Clone)]
pub struct MongoAudit {
    records: Collection<RawDocumentBuf>,
    time_limit: Duration,
}

impl MongoAudit {
    /// A store over the database of the caller, whose client needs the settings of
    /// [`client_options`](crate::client_options). Reads and writes nothing yet.
    ///
    /// Independently of those settings, writes wait for the journals of a majority, and reads ask the primary for what a
    /// majority has.
    #[must_use]
    pub fn new(database: &Database) -> Self {
        let options = CollectionOptions::builder()
            .write_concern(write_concern(options::TIME_LIMIT))
            .read_concern(ReadConcern::majority())
            .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
            .build();
        Self { records: database.collection_with_options(AUDIT, options), time_limit: options::TIME_LIMIT }
    }

    /// The same store, with another time limit of a call (2.8 seconds by default). A call that takes longer is
    /// [`StoreError::Unavailable`], or [`StoreError::OutcomeUnknown`] if records were sent.
    #[must_use]
    pub fn with_time_limit(self, time_limit: Duration) -> Self {
        Self { time_limit, ..self }
    }

    async fn missing(&self) -> Result<Vec<IndexModel>, StoreError> {
        let there = indexes(&self.records).await?;
        let is_missing = |needed: &IndexModel| !there.iter().any(|index| name(index) == name(needed));
        Ok(needed().into_iter().filter(is_missing).collect())
    }
}

#[async_trait]
impl StoreAdmin for MongoAudit {
    async fn pending_migrations(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.missing().await?.iter().filter_map(name).map(str::to_owned).collect())
    }

    async fn migrate(&self) -> Result<(), StoreError> {
        for index in self.missing().await? {
            self.records.create_index(index).await.map_err(store_error)?;
        }
        Ok(())
    }

    async fn identify(&self) -> Result<Option<StoreId>, StoreError> {
        Ok(None)
    }

    async fn foreign_tables(&self) -> Result<Vec<String>, StoreError> {
        Deadline::after(self.time_limit).read(foreign_collections(&self.records)).await
    }

    /// Does nothing: no write is pending, and the driver closes its connections when its last handle is dropped.
    async fn close(&self) {}
}

/// `_id` comes last, so that a scan by instant is also one by sequence number.
fn needed() -> [IndexModel; 2] {
    let index = |name: &str, keys: Document| {
        let options = IndexOptions::builder().name(name.to_owned()).build();
        IndexModel::builder().keys(keys).options(options).build()
    };
    [
        index("provesi_audit_at", doc! { "at": 1, "_id": 1 }),
        index("provesi_audit_subject", doc! { "subjects": 1, "at": 1, "_id": 1 }),
    ]
}

#[async_trait]
impl AuditStore for MongoAudit {
    async fn append(&self, chain: &AuditChain, records: &[AuditRecord]) -> Result<AuditHead, StoreError> {
        let sent = InFlight::default();
        Deadline::after(self.time_limit).write(&sent, append::append(self, &sent, chain, records)).await
    }

    async fn head(&self) -> Result<AuditHead, StoreError> {
        // With the read concern of the records: a tail that no majority has yet would look truncated.
        Deadline::after(self.time_limit).read(append::head(self, ReadConcern::majority())).await
    }

    async fn records(&self, query: &AuditQuery) -> Result<Vec<StoredAudit>, StoreError> {
        let (filter, sort, limit) = match query {
            AuditQuery::Chain { after, limit } => (doc! { "_id": { "$gt": *after } }, doc! { "_id": 1 }, *limit),
            AuditQuery::Latest { subject, since, before, limit } => {
                let (mut filter, mut range) = (Document::new(), Document::new());
                if let Some(subject) = subject {
                    filter.insert("subjects", subject.to_string());
                }
                if let Some(since) = since {
                    range.insert("$gte", date(*since));
                }
                if let Some(AuditPosition { at, sequence }) = before {
                    let at = date(*at);
                    // Bounds the scan, which `$or` alone would not.
                    range.insert("$lte", at);
                    filter.insert(
                        "$or",
                        vec![doc! { "at": { "$lt": at } }, doc! { "at": at, "_id": { "$lt": sequence } }],
                    );
                }
                if !range.is_empty() {
                    filter.insert("at", range);
                }
                (filter, doc! { "at": -1, "_id": -1 }, *limit)
            }
        };
        let found = self.records.find(filter).sort(sort).limit(i64::try_from(limit).unwrap_or(i64::MAX));
        let read = async {
            let mut found = found.max_time(self.time_limit).await.map_err(store_error)?;
            let mut records = Vec::new();
            while let Some(document) = found.try_next().await.map_err(store_error)? {
                records.push(documents::stored(&document)?);
            }
            Ok(records)
        };
        Deadline::after(self.time_limit).read(read).await
    }
}

/// Omits the client, which has credentials.
impl fmt::Debug for MongoAudit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MongoAudit").field("time_limit", &self.time_limit).finish_non_exhaustive()
    }
}
