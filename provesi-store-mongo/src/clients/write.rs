//! Changes of clients, each one step of the server's.

use mongodb::bson::{Document, doc};
use provesi_core::{Client, ClientId, Expected, StoreError, Timestamp, UniqueField};

use crate::collations;
use crate::documents::{as_kept, change, date, document, object_id};
use crate::error::{is_duplicate, store_error, write_error};
use crate::store::{InFlight, MongoStore, write_concern};

/// How often a change that takes any version is tried anew because others were faster. Each time somebody else got
/// on, so this is never reached but where hundreds write the same client.
const TRIES: u32 = 64;

/// How often an insert is tried anew because whoever was in its way is not there any more.
const INSERT_TRIES: u32 = 4;

pub(super) async fn insert(store: &MongoStore, sent: &InFlight, client: &Client) -> Result<Client, StoreError> {
    let kept = as_kept(client);
    let documents = store.clients.clone_with_type::<Document>();
    let mut tries = 1;
    loop {
        let insert = documents.insert_one(document(&kept)).write_concern(write_concern(store.time_limit));
        let error = match sent.send(insert.into_future()).await {
            Ok(_) => return Ok(kept),
            Err(error) => error,
        };
        if !is_duplicate(&error) {
            return Err(write_error(error));
        }
        // The driver hands over the server's text, and not its field that names the key. The document that is in the
        // way tells as well.
        if let Some(field) = taken(store, &kept).await? {
            return Err(StoreError::AlreadyExists { field });
        }
        if tries == INSERT_TRIES {
            return Err(store_error(error));
        }
        tries += 1;
    }
}

/// What of `client` is another's, as its document says.
async fn taken(store: &MongoStore, client: &Client) -> Result<Option<UniqueField>, StoreError> {
    let id = store.clients.find_one(doc! { "_id": object_id(client.id) }).projection(doc! { "_id": 1 });
    if id.max_time(store.time_limit).await.map_err(store_error)?.is_some() {
        return Ok(Some(UniqueField::ClientId));
    }
    let email = store.clients.find_one(doc! { "email": { "$eq": client.email.as_str() } });
    let email = email.collation(collations::emails()).projection(doc! { "_id": 1 }).max_time(store.time_limit);
    Ok(email.await.map_err(store_error)?.map(|_| UniqueField::Email))
}

pub(super) async fn update(
    store: &MongoStore,
    sent: &InFlight,
    client: &Client,
    expected: Expected,
    at: Timestamp,
) -> Result<Client, StoreError> {
    for _ in 0..TRIES {
        let before = stored(store, client.id, expected).await?;
        if before.same_content(client) {
            return Ok(before);
        }
        let updated_at = before.updated_at.next(at.to_millis()).to_millis();
        let after = Client { created_at: before.created_at, updated_at, ..client.clone() };
        let changed = store.clients.find_one_and_update(as_read(&before), change(&after)).projection(doc! { "_id": 1 });
        let changed = changed.max_time(store.time_limit).write_concern(write_concern(store.time_limit));
        if sent.send(changed.into_future()).await.map_err(write_error)?.is_some() {
            return Ok(after);
        }
        // Somebody changed or deleted it since it was read: who comes next time round says which.
    }
    Err(overtaken())
}

pub(super) async fn delete(
    store: &MongoStore,
    sent: &InFlight,
    id: ClientId,
    expected: Expected,
) -> Result<Client, StoreError> {
    for _ in 0..TRIES {
        let before = stored(store, id, expected).await?;
        let deleted = store.clients.find_one_and_delete(as_read(&before)).projection(doc! { "_id": 1 });
        let deleted = deleted.max_time(store.time_limit).write_concern(write_concern(store.time_limit));
        if sent.send(deleted.into_future()).await.map_err(write_error)?.is_some() {
            return Ok(before);
        }
    }
    Err(overtaken())
}

/// The client as it is stored, if its version is the expected one.
async fn stored(store: &MongoStore, id: ClientId, expected: Expected) -> Result<Client, StoreError> {
    let client = store.read(id).await?.ok_or(StoreError::NotFound)?;
    if expected.allows(client.version()) { Ok(client) } else { Err(StoreError::VersionConflict) }
}

/// The client in the version in which it was read, and in no other.
fn as_read(client: &Client) -> Document {
    doc! { "_id": object_id(client.id), "updated_at": { "$eq": date(client.updated_at) } }
}

fn overtaken() -> StoreError {
    StoreError::unavailable(format!("others changed the client {TRIES} times meanwhile"))
}
