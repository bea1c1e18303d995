//! Appending audit records without a transaction: each takes the sequence number after the last one. If another writer takes
//! it first, the records that remain are linked again, after the records of that writer.

use std::time::Duration;

use mongodb::bson::{Document, doc};
use mongodb::error::{Error, ErrorKind};
use mongodb::options::ReadConcern;
use provesi_core::{AuditChain, AuditHead, AuditRecord, StoreError, StoredAudit};

use super::{MongoAudit, documents};
use crate::error::{DUPLICATE_KEY, store_error, write_error};
use crate::store::{InFlight, write_concern};

/// How many writers may be faster. Each failed attempt is the success of another writer.
const ATTEMPTS: u32 = 200;

/// The pause before the next attempt, in which the document of the faster writer becomes visible.
const PAUSE: Duration = Duration::from_millis(2);

/// The head that is visible with this read concern.
pub(super) async fn head(store: &MongoAudit, concern: ReadConcern) -> Result<AuditHead, StoreError> {
    let last = store.records.find_one(doc! {}).sort(doc! { "_id": -1 }).projection(doc! { "_id": 1, "hash": 1 });
    let last = last.read_concern(concern).max_time(store.time_limit).await.map_err(store_error)?;
    let Some(last) = last else { return Ok(AuditHead::START) };
    match (documents::sequence(&last), documents::hash(&last)) {
        (Some(sequence), Some(hash)) => AuditHead::from_row(sequence, hash),
        _ => Err(StoreError::corrupt("the last audit record")),
    }
}

pub(super) async fn append(
    store: &MongoAudit,
    sent: &InFlight,
    chain: &AuditChain,
    records: &[AuditRecord],
) -> Result<AuditHead, StoreError> {
    let mut left = records;
    let appended = append_all(store, sent, chain, &mut left).await;
    if left.len() == records.len() {
        return appended;
    }
    // Some records are stored: a transient error would say that none is.
    appended.map_err(|error| if error.is_transient() { StoreError::outcome_unknown(error) } else { error })
}

/// Appends the records in `left`, and removes those from it that are stored.
async fn append_all(
    store: &MongoAudit,
    sent: &InFlight,
    chain: &AuditChain,
    left: &mut &[AuditRecord],
) -> Result<AuditHead, StoreError> {
    let collection = store.records.clone_with_type::<Document>();
    for _ in 0..ATTEMPTS {
        // It need not have a majority yet: a record after it is acknowledged only when both have.
        let head = head(store, ReadConcern::local()).await?;
        if left.is_empty() {
            return Ok(head);
        }
        let linked = chain.link_all(head, left);
        let head = linked.last().map_or(head, StoredAudit::head);
        let insert = collection.insert_many(linked.into_iter().map(documents::document)).ordered(true);
        let insert = insert.write_concern(write_concern(store.time_limit));
        let Err(error) = sent.send(insert.into_future()).await else { return Ok(head) };
        let failed = first_failed(&error);
        // The documents before it are stored.
        *left = left.get(failed.map_or(0, |(at, _)| at)..).unwrap_or_default();
        if failed.is_none_or(|(_, code)| code != DUPLICATE_KEY) {
            return Err(write_error(error));
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(StoreError::unavailable(format!("other writers were faster {ATTEMPTS} times")))
}

/// The index of the first document that the server refused, and the error code. `None` if it is unknown which are stored.
fn first_failed(error: &Error) -> Option<(usize, i32)> {
    let ErrorKind::InsertMany(failed) = &*error.kind else { return None };
    let first = failed.write_errors.as_ref()?.first()?;
    failed.write_concern_error.is_none().then_some((first.index, first.code))
}
