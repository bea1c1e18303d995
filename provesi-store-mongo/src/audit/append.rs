//! How records are appended without a transaction: each takes the place after the last one, and where somebody else was
//! faster, those that are left are linked anew to what is the last one then.

use std::time::Duration;

use mongodb::bson::{Document, doc};
use mongodb::error::{Error, ErrorKind};
use mongodb::options::ReadConcern;
use provesi_core::{AuditChain, AuditHash, AuditHead, AuditRecord, StoreError};

use super::{MongoAudit, documents};
use crate::error::{DUPLICATE_KEY, store_error, write_error};
use crate::store::{InFlight, write_concern};

/// How often others may be faster. Each time, one of them got on.
const TRIES: u32 = 200;

/// How long is waited before the next try: what whoever was faster needs to have its document seen.
const PAUSE: Duration = Duration::from_millis(2);

/// The last record's place and hash, as this read concern sees it.
pub(super) async fn head(store: &MongoAudit, concern: ReadConcern) -> Result<AuditHead, StoreError> {
    let last = store.records.find_one(doc! {}).sort(doc! { "_id": -1 }).projection(doc! { "_id": 1, "hash": 1 });
    let last = last.read_concern(concern).max_time(store.time_limit).await.map_err(store_error)?;
    let Some(last) = last else { return Ok(AuditHead::START) };
    let read = || {
        let hash = documents::hash(&last)?.try_into().ok()?;
        Some(AuditHead { sequence: documents::sequence(&last)?, hash: AuditHash::from_bytes(hash) })
    };
    read().ok_or_else(|| StoreError::corrupt("the last record of the audit cannot be read"))
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
    // Some are there: "not made" would be wrong.
    appended.map_err(|error| if error.is_transient() { StoreError::outcome_unknown(error) } else { error })
}

/// Appends those that are `left`, and takes those away from them that are there.
async fn append_all(
    store: &MongoAudit,
    sent: &InFlight,
    chain: &AuditChain,
    left: &mut &[AuditRecord],
) -> Result<AuditHead, StoreError> {
    let collection = store.records.clone_with_type::<Document>();
    for _ in 0..TRIES {
        // Also one that no majority has yet: a link to it is acknowledged only once a majority has both.
        let mut head = head(store, ReadConcern::local()).await?;
        if left.is_empty() {
            return Ok(head);
        }
        let linked: Vec<_> = chain.after(head, left).collect();
        if let Some(last) = linked.last() {
            head = AuditHead { sequence: last.sequence, hash: last.hash };
        }
        let insert = collection.insert_many(linked.iter().map(documents::document)).ordered(true);
        let insert = insert.write_concern(write_concern(store.time_limit));
        let Err(error) = sent.send(insert.into_future()).await else { return Ok(head) };
        let failed = first_failed(&error);
        // Those before it are there.
        *left = left.get(failed.map_or(0, |(at, _)| at)..).unwrap_or_default();
        if failed.is_none_or(|(_, code)| code != DUPLICATE_KEY) {
            return Err(write_error(error));
        }
        tokio::time::sleep(PAUSE).await;
    }
    Err(StoreError::unavailable(format!("others appended records {TRIES} times meanwhile")))
}

/// The index of the first document that the server refused, and its code. None if it is not known which are there.
fn first_failed(error: &Error) -> Option<(usize, i32)> {
    let ErrorKind::InsertMany(failed) = &*error.kind else { return None };
    let first = failed.write_errors.as_ref()?.first()?;
    failed.write_concern_error.is_none().then_some((first.index, first.code))
}
