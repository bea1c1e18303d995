//! The port of clients.

mod bounds;
mod page;
mod prefix;
mod write;

use std::collections::HashMap;
use std::hash::Hash;

use async_trait::async_trait;
use futures_util::{StreamExt, TryStreamExt, stream};
use mongodb::action::Find;
use mongodb::bson::{RawDocument, RawDocumentBuf, doc};
use provesi_core::{
    ClientCursor, ClientFilter, ClientId, ClientKey, ClientListing, ClientRepository, ClientRow, ClientWrite, Email,
    Page, PageRequest, StoreError,
};

use crate::collations;
use crate::documents::{object_id, row};
use crate::error::store_error;
use crate::store::{Deadline, MongoStore};

/// How many keys a query takes.
const CHUNK: usize = 1_000;

/// How many writes of a batch wait for the server concurrently.
const CONCURRENT_WRITES: usize = 16;

/// The outcome of a lookup for each key, by the position of the key.
type Rows = Vec<Result<Option<ClientRow>, StoreError>>;

#[async_trait]
impl ClientRepository for MongoStore {
    fn database(&self) -> String {
        "MongoDB".to_owned()
    }

    async fn get_many(&self, keys: &[ClientKey]) -> Rows {
        let deadline = Deadline::after(self.time_limit);
        let (mut ids, mut emails) = (Vec::new(), Vec::new());
        for (position, key) in keys.iter().enumerate() {
            match key {
                ClientKey::Id(id) => ids.push((*id, position)),
                ClientKey::Email(email) => emails.push((email, position)),
            }
        }
        let mut rows = vec![Ok(None); keys.len()];
        for chunk in ids.chunks(CHUNK) {
            let values: Vec<_> = chunk.iter().map(|(id, _)| object_id(*id)).collect();
            let query = self.clients.find(doc! { "_id": { "$in": values } });
            self.read_chunk(deadline, query, chunk.to_vec(), id_of, &mut rows).await;
        }
        for chunk in emails.chunks(CHUNK) {
            let values: Vec<_> = chunk.iter().map(|(email, _)| email.as_str()).collect();
            let query = self.clients.find(doc! { "email": { "$in": values } }).collation(collations::emails());
            let keys = chunk.iter().map(|(email, position)| (email.folded(), *position)).collect();
            self.read_chunk(deadline, query, keys, folded_email_of, &mut rows).await;
        }
        rows
    }

    async fn commit(&self, writes: &[ClientWrite]) -> Vec<Result<(), StoreError>> {
        let deadline = Deadline::after(self.time_limit);
        let mut outcomes = Vec::with_capacity(writes.len());
        for batch in write::independent(writes) {
            let commands: Vec<_> = batch.iter().map(|write| write::commit(self, deadline, write)).collect();
            outcomes.extend(stream::iter(commands).buffered(CONCURRENT_WRITES).collect::<Vec<_>>().await);
        }
        outcomes
    }

    async fn page(
        &self,
        listing: &ClientListing,
        request: &PageRequest<ClientCursor>,
    ) -> Result<Page<ClientRow, ClientCursor>, StoreError> {
        self.in_time(page::read(self, listing, request)).await
    }

    async fn count(&self, filter: &ClientFilter) -> Result<u64, StoreError> {
        self.in_time(page::count(self, filter)).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.ping().await
    }
}

impl MongoStore {
    /// Runs `query` and puts each document to the positions of its key. A failure of the query is put to all positions.
    async fn read_chunk<K: Eq + Hash + Send + Sync>(
        &self,
        deadline: Deadline,
        query: Find<'_, RawDocumentBuf>,
        keys: Vec<(K, usize)>,
        key_of: fn(&RawDocument) -> Option<K>,
        rows: &mut Rows,
    ) {
        let query = query.max_time(self.time_limit).batch_size(batch_size(keys.len()));
        let mut positions: HashMap<K, Vec<usize>> = HashMap::with_capacity(keys.len());
        for (key, position) in keys {
            positions.entry(key).or_default().push(position);
        }
        let read = deadline.read(async {
            let mut documents = query.await.map_err(store_error)?;
            while let Some(document) = documents.try_next().await.map_err(store_error)? {
                let found = key_of(&document).and_then(|key| positions.get(&key));
                for &position in found.into_iter().flatten() {
                    rows[position] = row(&document).map(Some);
                }
            }
            Ok(())
        });
        if let Err(error) = read.await {
            for &position in positions.values().flatten() {
                rows[position] = Err(error.clone());
            }
        }
    }
}

fn id_of(document: &RawDocument) -> Option<ClientId> {
    Some(ClientId::from_bytes(document.get_object_id("_id").ok()?.bytes()))
}

/// The address as keys are compared. The collation takes more addresses for equal, such as `ß` and `ss`: nobody else can
/// insert these, but a lookup must not find them.
fn folded_email_of(document: &RawDocument) -> Option<String> {
    Some(document.get_str("email").ok()?.parse::<Email>().ok()?.folded())
}

/// A batch for this many documents: one more, so that the server sees that none follows and closes the cursor.
fn batch_size(documents: usize) -> u32 {
    u32::try_from(documents).unwrap_or(u32::MAX - 1).saturating_add(1)
}
