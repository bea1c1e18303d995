//! Records of access, in a collection of their own.

mod append;
mod documents;

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::TryStreamExt;
use mongodb::bson::{Bson, Document, RawDocumentBuf, doc};
use mongodb::options::{CollectionOptions, IndexOptions, ReadConcern, ReadPreference, SelectionCriteria};
use mongodb::{Collection, Database, IndexModel};
use provesi_core::{
    AuditChain, AuditCursor, AuditFilter, AuditHead, AuditRecord, AuditStore, Page, PageLimit, PageRequest, StoreAdmin,
    StoreError, StoredAudit, Timestamp,
};

use crate::documents::date;
use crate::error::{server_code, store_error};
use crate::options;
use crate::store::{Deadline, InFlight, foreign_collections, write_concern};

/// The collection.
pub(crate) const AUDIT: &str = "provesi_audit";

/// `NamespaceNotFound`: there is no collection yet.
const NAMESPACE_NOT_FOUND: i32 = 26;

/// Records of access in the collection `provesi_audit` of a MongoDB database. A standalone server will do: the place of a
/// record is its `_id`, so that two processes cannot both have it, and who comes second takes the next one.
///
/// Handles are cheap to clone and share the caller's client, which they neither make nor close.
#[derive(Clone)]
pub struct MongoAudit {
    records: Collection<RawDocumentBuf>,
    time_limit: Duration,
}

impl MongoAudit {
    /// A store over the caller's database, whose client is to be set up as
    /// [`client_options`](crate::client_options) does. Nothing is read or written yet.
    ///
    /// Whatever the client is set to, writes are acknowledged by a majority that has them in its journal, and reads ask
    /// the primary for what a majority has.
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
        let there = match self.records.list_index_names().await {
            Ok(names) => names,
            Err(error) if server_code(&error) == Some(NAMESPACE_NOT_FOUND) => Vec::new(),
            Err(error) => return Err(store_error(error)),
        };
        let is_missing = |index: &IndexModel| name(index).is_none_or(|name| !there.contains(&name));
        Ok(needed().into_iter().filter(is_missing).collect())
    }

    /// The records that `filter` finds, in the order `sort`.
    async fn find(&self, filter: Document, sort: Document, limit: usize) -> Result<Vec<StoredAudit>, StoreError> {
        Deadline::after(self.time_limit)
            .read(async {
                let found = self.records.find(filter).sort(sort).limit(i64::try_from(limit).unwrap_or(i64::MAX));
                let mut found = found.max_time(self.time_limit).await.map_err(store_error)?;
                let mut records = Vec::new();
                while let Some(document) = found.try_next().await.map_err(store_error)? {
                    records.push(documents::stored(&document)?);
                }
                Ok(records)
            })
            .await
    }
}

#[async_trait]
impl StoreAdmin for MongoAudit {
    async fn pending_migrations(&self) -> Result<Vec<String>, StoreError> {
        Ok(self.missing().await?.iter().filter_map(name).collect())
    }

    async fn migrate(&self) -> Result<(), StoreError> {
        for index in self.missing().await? {
            self.records.create_index(index).await.map_err(store_error)?;
        }
        Ok(())
    }

    async fn foreign_tables(&self) -> Result<Vec<String>, StoreError> {
        Deadline::after(self.time_limit).read(foreign_collections(&self.records)).await
    }

    /// The driver ends its connections when its last handle is dropped; nothing waits to be written.
    async fn close(&self) {}
}

/// The last of each begins where the one before it ends, so that a walk by instant is one by place as well.
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

fn name(index: &IndexModel) -> Option<String> {
    index.options.as_ref().and_then(|options| options.name.clone())
}

#[async_trait]
impl AuditStore for MongoAudit {
    async fn append(&self, chain: &AuditChain, records: &[AuditRecord]) -> Result<AuditHead, StoreError> {
        let sent = InFlight::default();
        Deadline::after(self.time_limit).write(&sent, append::append(self, &sent, chain, records)).await
    }

    async fn head(&self) -> Result<AuditHead, StoreError> {
        // As the records are read: a tail that no majority has would look like one that was cut.
        Deadline::after(self.time_limit).read(append::head(self, ReadConcern::majority())).await
    }

    async fn page(
        &self,
        filter: &AuditFilter,
        request: &PageRequest<AuditCursor>,
    ) -> Result<Page<StoredAudit, AuditCursor>, StoreError> {
        let AuditFilter { subject, since, until } = filter;
        let mut asked = Document::new();
        if let Some(subject) = subject {
            asked.insert("subjects", subject.to_string());
        }
        // Records have whole milliseconds: from, and up to, the first one that is not earlier.
        let mut range = Document::new();
        since.map(|since| range.insert("$gte", date(up(since))));
        until.map(|until| range.insert("$lt", date(up(until))));
        if !range.is_empty() {
            asked.insert("at", range);
        }
        if let Some(cursor) = &request.after {
            let place = filter.position(cursor)?;
            let at = Bson::DateTime(date(place.at));
            asked.insert(
                "$or",
                [doc! { "at": { "$lt": at.clone() } }, doc! { "at": at, "_id": { "$lt": place.sequence } }].to_vec(),
            );
        }
        let found = self.find(asked, doc! { "at": -1, "_id": -1 }, request.limit.get() + 1).await?;
        Ok(Page::from_one_more(found, request.limit, |last| filter.cursor_at(last)))
    }

    async fn after(&self, sequence: i64, limit: PageLimit) -> Result<Vec<StoredAudit>, StoreError> {
        self.find(doc! { "_id": { "$gt": sequence } }, doc! { "_id": 1 }, limit.get()).await
    }
}

/// The first whole millisecond that is not earlier.
fn up(at: Timestamp) -> Timestamp {
    let cut = at.to_millis();
    if cut == at { at } else { Timestamp::from_micros(cut.micros() + 1_000).unwrap_or(Timestamp::MAX) }
}

/// The client knows credentials, so not even its name is shown.
impl fmt::Debug for MongoAudit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MongoAudit").field("time_limit", &self.time_limit).finish_non_exhaustive()
    }
}
