//! The port of clients.

mod page;
mod write;

use std::collections::HashSet;

use async_trait::async_trait;
use provesi_core::{
    BoxStream, Client, ClientCursor, ClientFilter, ClientId, ClientListing, ClientRepository, Email, Expected, Page,
    PageLimit, PageRequest, StoreError, Timestamp, readable, stream_items,
};

use crate::rows::ClientRow;
use crate::sql;
use crate::store::SqliteStore;

#[cfg(test)]
pub(crate) use page::page_text;

const GET: &str = "SELECT id, name, email, phone, address, created_at, updated_at FROM clients WHERE id = ?1";

const GET_MANY: &str = "\
    SELECT id, name, email, phone, address, created_at, updated_at FROM clients \
    WHERE id IN (SELECT value FROM json_each(?1))";

const FIND_BY_EMAIL: &str =
    "SELECT id, name, email, phone, address, created_at, updated_at FROM clients WHERE email_folded = ?1";

/// The statements whose plans a test looks at.
#[cfg(test)]
pub(crate) const READS: &[&str] = &[GET, GET_MANY, FIND_BY_EMAIL];

#[async_trait]
impl ClientRepository for SqliteStore {
    fn database(&self) -> String {
        "SQLite".to_owned()
    }

    async fn insert(&self, client: &Client) -> Result<Client, StoreError> {
        self.writer.write(write::Insert { client: client.clone() }).await
    }

    async fn get(&self, id: ClientId) -> Result<Option<Client>, StoreError> {
        let row: Option<ClientRow> = sqlx::query_as(GET)
            .bind(id.to_string())
            .fetch_optional(&self.readers.pool)
            .await
            .map_err(|error| self.readers.failed(error))?;
        row.map(Client::try_from).transpose()
    }

    async fn get_many(&self, ids: &[ClientId]) -> Result<Vec<Client>, StoreError> {
        let ids: HashSet<ClientId> = ids.iter().copied().collect();
        let ids: Vec<ClientId> = ids.into_iter().collect();
        let mut clients = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(sql::CHUNK) {
            let rows: Vec<ClientRow> = sqlx::query_as(GET_MANY)
                .bind(sql::json(chunk)?)
                .fetch_all(&self.readers.pool)
                .await
                .map_err(|error| self.readers.failed(error))?;
            clients.append(&mut readable(rows)?);
        }
        Ok(clients)
    }

    async fn find_by_email(&self, email: &Email) -> Result<Option<Client>, StoreError> {
        let row: Option<ClientRow> = sqlx::query_as(FIND_BY_EMAIL)
            .bind(email.folded())
            .fetch_optional(&self.readers.pool)
            .await
            .map_err(|error| self.readers.failed(error))?;
        row.map(Client::try_from).transpose()
    }

    async fn update(&self, client: &Client, expected: Expected, at: Timestamp) -> Result<Client, StoreError> {
        self.writer.write(write::Update { client: client.clone(), expected, at }).await
    }

    async fn delete(&self, id: ClientId, expected: Expected) -> Result<Client, StoreError> {
        self.writer.write(write::Delete { id, expected }).await
    }

    async fn page(
        &self,
        listing: &ClientListing,
        request: &PageRequest<ClientCursor>,
    ) -> Result<Page<Client, ClientCursor>, StoreError> {
        page::read(&self.readers, listing, request).await
    }

    fn stream(&self, listing: &ClientListing) -> BoxStream<Result<Client, StoreError>> {
        let (readers, listing) = (self.readers.clone(), listing.clone());
        stream_items(move |after| {
            let (readers, listing) = (readers.clone(), listing.clone());
            async move { page::read(&readers, &listing, &PageRequest { limit: PageLimit::MAX, after }).await }
        })
    }

    async fn count(&self, filter: &ClientFilter) -> Result<u64, StoreError> {
        page::count(&self.readers, filter).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.ping().await
    }
}
