//! The port of clients.

mod bounds;
mod page;
mod search;
mod write;

use std::collections::HashSet;

use async_trait::async_trait;
use futures_util::TryStreamExt;
use mongodb::bson::doc;
use provesi_core::{
    BoxStream, Client, ClientCursor, ClientFilter, ClientId, ClientListing, ClientRepository, Email, Expected, Page,
    PageLimit, PageRequest, StoreError, Timestamp, stream_items,
};

use crate::collations;
use crate::documents::{client, object_id, object_ids, readable};
use crate::error::store_error;
use crate::store::{InFlight, MongoStore};

/// How many ids a query takes.
const CHUNK: usize = 1_000;

#[async_trait]
impl ClientRepository for MongoStore {
    fn database(&self) -> String {
        "MongoDB".to_owned()
    }

    async fn insert(&self, client: &Client) -> Result<Client, StoreError> {
        let sent = InFlight::default();
        sent.in_time(self.time_limit, write::insert(self, &sent, client)).await
    }

    async fn get(&self, id: ClientId) -> Result<Option<Client>, StoreError> {
        self.in_time(self.read(id)).await
    }

    async fn get_many(&self, ids: &[ClientId]) -> Result<Vec<Client>, StoreError> {
        let ids: HashSet<ClientId> = ids.iter().copied().collect();
        let ids: Vec<ClientId> = ids.into_iter().collect();
        let mut clients = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(CHUNK) {
            clients.append(&mut self.in_time(self.read_many(chunk)).await?);
        }
        Ok(clients)
    }

    async fn find_by_email(&self, email: &Email) -> Result<Option<Client>, StoreError> {
        self.in_time(self.read_by_email(email)).await
    }

    async fn update(&self, client: &Client, expected: Expected, at: Timestamp) -> Result<Client, StoreError> {
        let sent = InFlight::default();
        sent.in_time(self.time_limit, write::update(self, &sent, client, expected, at)).await
    }

    async fn delete(&self, id: ClientId, expected: Expected) -> Result<Client, StoreError> {
        let sent = InFlight::default();
        sent.in_time(self.time_limit, write::delete(self, &sent, id, expected)).await
    }

    async fn page(
        &self,
        listing: &ClientListing,
        request: &PageRequest<ClientCursor>,
    ) -> Result<Page<Client, ClientCursor>, StoreError> {
        self.in_time(page::read(self, listing, request)).await
    }

    fn stream(&self, listing: &ClientListing) -> BoxStream<Result<Client, StoreError>> {
        let (store, listing) = (self.clone(), listing.clone());
        stream_items(move |after| {
            let (store, listing) = (store.clone(), listing.clone());
            async move { store.page(&listing, &PageRequest { limit: PageLimit::MAX, after }).await }
        })
    }

    async fn count(&self, filter: &ClientFilter) -> Result<u64, StoreError> {
        self.in_time(page::count(self, filter)).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.ping().await
    }
}

impl MongoStore {
    pub(crate) async fn read(&self, id: ClientId) -> Result<Option<Client>, StoreError> {
        let found = self.clients.find_one(doc! { "_id": object_id(id) }).max_time(self.time_limit);
        found.await.map_err(store_error)?.map(|document| client(&document)).transpose()
    }

    async fn read_many(&self, ids: &[ClientId]) -> Result<Vec<Client>, StoreError> {
        let found = self.clients.find(doc! { "_id": { "$in": object_ids(ids) } }).max_time(self.time_limit);
        // All that there can be in one answer.
        let mut found = found.batch_size(batch_size(ids.len())).await.map_err(store_error)?;
        let mut clients = Vec::with_capacity(ids.len());
        while let Some(document) = found.try_next().await.map_err(store_error)? {
            clients.extend(readable(&document));
        }
        Ok(clients)
    }

    async fn read_by_email(&self, email: &Email) -> Result<Option<Client>, StoreError> {
        let found = self.clients.find_one(doc! { "email": { "$eq": email.as_str() } });
        let found = found.collation(collations::emails()).max_time(self.time_limit).await.map_err(store_error)?;
        let found = found.map(|document| client(&document)).transpose()?;
        // The collation also holds what differs in more than letter case to be equal, `ß` and `ss` for one: nobody has
        // this address, though nobody can have it either.
        Ok(found.filter(|client| client.email.folded() == email.folded()))
    }
}

/// A batch for this many documents: one more, so that the server sees that none follows and closes the cursor.
fn batch_size(documents: usize) -> u32 {
    u32::try_from(documents).unwrap_or(u32::MAX - 1).saturating_add(1)
}
