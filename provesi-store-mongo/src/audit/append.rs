//! How records are appended without a transaction: each takes the place after the last one, and where somebody else was
//! faster, those that are left are linked anew to what is the last one then.

use std::time::Duration;

use mongodb::bson::{Document, doc};
use mongodb::error::{Error, ErrorKind};
use mongodb::options::ReadConcern;
use provesi_core::{AuditChain, AuditHash, AuditHead, AuditRecord, StoreError};

use super::{MongoAudit, documents};
use crate::error::{DUPLICATE_KEY, store_error};

/// How often others may be faster. Each time, one of them got on.
const TRIES: u32 = 200;

/// How long is waited before the next try: what whoever was faster needs to have its document seen.
const PAUSE: Duration = Duration::from_millis(2);

/// The last record's place and hash, also where no majority has it yet: a link to it is acknowledged only once a majority
/// has both.
pub(super) async fn head(store: &MongoAudit) -> Result<AuditHead, StoreError> {
    let last = store.records.find_one(doc! {}).sort(doc! { "_id": -1 }).projection(doc! { "_id": 1, "hash": 1 });
    let last = last.read_concern(ReadConcern::local()).max_time(store.time_limit).await.map_err(store_error)?;
    let Some(last) = last else { return Ok(AuditHead::START) };
    let read = || {
        let hash = documents::hash(&last)?.try_into().ok()?;
        Some(AuditHead { sequence: documents::sequence(&last)?, hash: AuditHash::from_bytes(hash) })
    };
    read().ok_or_else(|| StoreError::corrupt("the last record of the audit cannot be read"))
}

pub(super) async fn append(
    store: &MongoAudit,
    chain: &AuditChain,
    mut records: &[AuditRecord],
) -> Result<AuditHead, StoreError> {
    let collection = store.records.clone_with_type::<Document>();
    for _ in 0..TRIES {
        let mut head = head(store).await?;
        if records.is_empty() {
            return Ok(head);
        }
        let linked: Vec<_> = chain.after(head, records).collect();
        if let Some(last) = linked.last() {
            head = AuditHead { sequence: last.sequence, hash: last.hash };
        }
        let inserted = collection.insert_many(linked.iter().map(documents::document)).ordered(true).await;
        let Err(error) = inserted else { return Ok(head) };
        match place_taken(&error) {
            // Those before it are there.
            Some(at) => records = records.get(at..).unwrap_or_default(),
            None => return Err(store_error(error)),
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(StoreError::unavailable(format!("others appended records {TRIES} times meanwhile")))
}

/// Which of the documents is the first whose place somebody else had taken.
fn place_taken(error: &Error) -> Option<usize> {
    let ErrorKind::InsertMany(failed) = &*error.kind else { return None };
    let first = failed.write_errors.as_ref()?.first()?;
    (first.code == DUPLICATE_KEY && failed.write_concern_error.is_none()).then_some(first.index)
}
