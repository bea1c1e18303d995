//! Writes of clients, each one atomic command of the server.

use std::collections::HashSet;

use mongodb::bson::{Document, doc};
use provesi_core::{Client, ClientId, ClientRow, ClientWrite, StoreError, UniqueField, fold};

use crate::collations;
use crate::documents::{as_read, change, document, object_id};
use crate::error::{is_duplicate, store_error, write_error};
use crate::store::{Deadline, InFlight, MongoStore, write_concern};

/// How often an insert is sent if the client that it conflicts with is gone before it can be identified.
const INSERT_ATTEMPTS: usize = 4;

/// Splits a batch into runs of writes that concern different clients and addresses. Within a run the order is free.
pub(super) fn independent(writes: &[ClientWrite]) -> Vec<&[ClientWrite]> {
    let (mut runs, mut start) = (Vec::new(), 0);
    let (mut ids, mut emails) = (HashSet::new(), HashSet::new());
    for (position, write) in writes.iter().enumerate() {
        let (id, addresses) = concerned(write);
        if ids.contains(&id) || addresses.iter().any(|address| emails.contains(address)) {
            runs.push(&writes[start..position]);
            start = position;
            ids.clear();
            emails.clear();
        }
        ids.insert(id);
        emails.extend(addresses);
    }
    if start < writes.len() {
        runs.push(&writes[start..]);
    }
    runs
}

/// The client and the addresses of a write. [`fold`] takes at least the addresses for equal that differ in letter case.
fn concerned(write: &ClientWrite) -> (ClientId, Vec<String>) {
    match write {
        ClientWrite::Insert(client) => (client.id, vec![fold(client.email.as_str())]),
        ClientWrite::Replace { before, after } => (before.id, vec![fold(&before.email), fold(after.email.as_str())]),
        ClientWrite::Delete { before } => (before.id, vec![fold(&before.email)]),
    }
}

pub(super) async fn commit(store: &MongoStore, deadline: Deadline, write: &ClientWrite) -> Result<(), StoreError> {
    let sent = InFlight::default();
    let written = async {
        match write {
            ClientWrite::Insert(client) => insert(store, &sent, client).await,
            ClientWrite::Replace { before, after } => replace(store, &sent, before, after).await,
            ClientWrite::Delete { before } => delete(store, &sent, before).await,
        }
    };
    deadline.write(&sent, written).await
}

async fn insert(store: &MongoStore, sent: &InFlight, client: &Client) -> Result<(), StoreError> {
    let documents = store.clients.clone_with_type::<Document>();
    let mut attempt = 1;
    loop {
        let insert = documents.insert_one(document(client)).write_concern(write_concern(store.time_limit));
        let Err(error) = sent.send(insert.into_future()).await else { return Ok(()) };
        if !is_duplicate(&error) {
            return Err(write_error(error));
        }
        // The driver drops the field of the reply that names the key, so the other client is looked up.
        if let Some(field) = taken(store, client).await? {
            return Err(StoreError::AlreadyExists { field });
        }
        if attempt == INSERT_ATTEMPTS {
            return Err(store_error(error));
        }
        attempt += 1;
    }
}

/// The unique field of `client` whose value another client has.
async fn taken(store: &MongoStore, client: &Client) -> Result<Option<UniqueField>, StoreError> {
    let id = store.clients.find_one(doc! { "_id": object_id(client.id) }).projection(doc! { "_id": 1 });
    if id.max_time(store.time_limit).await.map_err(store_error)?.is_some() {
        return Ok(Some(UniqueField::ClientId));
    }
    let email = store.clients.find_one(doc! { "email": { "$eq": client.email.as_str() } });
    let email = email.collation(collations::emails()).projection(doc! { "_id": 1 }).max_time(store.time_limit);
    Ok(email.await.map_err(store_error)?.map(|_| UniqueField::Email))
}

async fn replace(store: &MongoStore, sent: &InFlight, before: &ClientRow, after: &Client) -> Result<(), StoreError> {
    let update = store.clients.find_one_and_update(as_read(before), change(after)).projection(doc! { "_id": 1 });
    let update = update.max_time(store.time_limit).write_concern(write_concern(store.time_limit));
    let found = sent.send(update.into_future()).await.map_err(write_error)?;
    found.map(drop).ok_or(StoreError::VersionConflict)
}

async fn delete(store: &MongoStore, sent: &InFlight, before: &ClientRow) -> Result<(), StoreError> {
    let delete = store.clients.find_one_and_delete(as_read(before)).projection(doc! { "_id": 1 });
    let delete = delete.max_time(store.time_limit).write_concern(write_concern(store.time_limit));
    let found = sent.send(delete.into_future()).await.map_err(write_error)?;
    found.map(drop).ok_or(StoreError::VersionConflict)
}
