//! The port of clients over [`MemoryStore`].

use async_trait::async_trait;
use provesi_core::{
    BoxStream, Client, ClientCursor, ClientFilter, ClientId, ClientListing, ClientRepository, Email, Expected, Page,
    PageLimit, PageRequest, StoreError, Timestamp, UniqueField, name_key, stream_items,
};

use super::{ClientRow, MemoryStore, Tables, count, one_more_than_a_page};

impl Tables {
    fn client(&self, id: ClientId) -> Option<&Client> {
        self.clients.get(&id).map(|row| &row.client)
    }

    fn expect_client(&self, id: ClientId, expected: Expected) -> Result<Client, StoreError> {
        let stored = self.client(id).ok_or(StoreError::NotFound)?;
        if !expected.allows(stored.version()) {
            return Err(StoreError::VersionConflict);
        }
        Ok(stored.clone())
    }

    fn put_client(&mut self, client: Client) {
        self.emails.insert(client.email.folded(), client.id);
        self.clients.insert(client.id, ClientRow { name_key: name_key(client.name.as_str()), client });
    }

    fn client_page(
        &self,
        listing: &ClientListing,
        request: &PageRequest<ClientCursor>,
    ) -> Result<Page<Client, ClientCursor>, StoreError> {
        let after = request.after.as_ref().map(|cursor| listing.position(cursor)).transpose()?;
        let after = after.map(|position| (name_key(&position.name), position.id));
        let rows = self
            .clients
            .values()
            .filter(|row| listing.filter.matches(&row.client))
            .map(|row| ((row.name_key.clone(), row.client.id), &row.client));
        let items = one_more_than_a_page(rows, after.as_ref(), listing.direction, request.limit);
        Ok(Page::from_one_more(items, request.limit, |last| listing.cursor_at(last)))
    }
}

#[async_trait]
impl ClientRepository for MemoryStore {
    fn database(&self) -> String {
        "memory".to_owned()
    }

    async fn insert(&self, client: &Client) -> Result<(), StoreError> {
        let mut tables = self.tables();
        if tables.clients.contains_key(&client.id) {
            return Err(StoreError::AlreadyExists { field: UniqueField::ClientId });
        }
        if tables.emails.contains_key(&client.email.folded()) {
            return Err(StoreError::AlreadyExists { field: UniqueField::Email });
        }
        tables.put_client(client.clone());
        Ok(())
    }

    async fn get(&self, id: ClientId) -> Result<Option<Client>, StoreError> {
        Ok(self.tables().client(id).cloned())
    }

    async fn get_many(&self, ids: &[ClientId]) -> Result<Vec<Client>, StoreError> {
        let tables = self.tables();
        let asked: std::collections::BTreeSet<_> = ids.iter().collect();
        Ok(asked.into_iter().filter_map(|id| tables.client(*id)).cloned().collect())
    }

    async fn find_by_email(&self, email: &Email) -> Result<Option<Client>, StoreError> {
        let tables = self.tables();
        Ok(tables.emails.get(&email.folded()).and_then(|id| tables.client(*id)).cloned())
    }

    async fn update(&self, client: &Client, expected: Expected, at: Timestamp) -> Result<Client, StoreError> {
        let mut tables = self.tables();
        let stored = tables.expect_client(client.id, expected)?;
        if stored.same_content(client) {
            return Ok(stored);
        }
        if tables.emails.get(&client.email.folded()).is_some_and(|id| *id != client.id) {
            return Err(StoreError::AlreadyExists { field: UniqueField::Email });
        }
        let updated =
            Client { created_at: stored.created_at, updated_at: stored.updated_at.next(at), ..client.clone() };
        tables.emails.remove(&stored.email.folded());
        tables.put_client(updated.clone());
        Ok(updated)
    }

    async fn delete(&self, id: ClientId, expected: Expected) -> Result<Client, StoreError> {
        let mut tables = self.tables();
        let stored = tables.expect_client(id, expected)?;
        tables.emails.remove(&stored.email.folded());
        tables.clients.remove(&id);
        Ok(stored)
    }

    async fn page(
        &self,
        listing: &ClientListing,
        request: &PageRequest<ClientCursor>,
    ) -> Result<Page<Client, ClientCursor>, StoreError> {
        self.tables().client_page(listing, request)
    }

    fn stream(&self, listing: &ClientListing) -> BoxStream<Result<Client, StoreError>> {
        let (store, listing) = (self.clone(), listing.clone());
        stream_items(move |after| {
            let page = store.tables().client_page(&listing, &PageRequest { limit: PageLimit::MAX, after });
            std::future::ready(page)
        })
    }

    async fn count(&self, filter: &ClientFilter) -> Result<u64, StoreError> {
        Ok(count(self.tables().clients.values(), |row| filter.matches(&row.client)))
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
