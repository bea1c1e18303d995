//! The port of clients.

mod page;
pub(crate) mod write;

use std::collections::HashSet;

use async_trait::async_trait;
use provesi_core::{
    BoxStream, Client, ClientCursor, ClientFilter, ClientId, ClientListing, ClientRepository, Email, Expected, Page,
    PageLimit, PageRequest, StoreError, Timestamp, readable, stream_items,
};
use sqlx::postgres::PgConnection;

use crate::error::store_error;
use crate::rows::ClientRow;
use crate::sql::{self, client_columns, is_writable};
use crate::store::{PgStore, writable};

#[cfg(test)]
pub(crate) use page::{page_text, search_text};

const GET: &str = concat!("SELECT ", client_columns!(), " FROM provesi_clients WHERE id = $1");

const GET_MANY: &str = concat!("SELECT ", client_columns!(), " FROM provesi_clients WHERE id = ANY($1)");

const FIND_BY_EMAIL: &str = concat!("SELECT ", client_columns!(), " FROM provesi_clients WHERE email_folded = $1");

/// Whether the server takes writes, with a look at the table.
const PING: &str = concat!(
    "SELECT ",
    is_writable!(),
    " FROM (SELECT count(*) FROM (SELECT 1 FROM provesi_clients LIMIT 1) AS one) AS clients"
);

/// The statements whose plans a test looks at.
#[cfg(test)]
pub(crate) const READS: &[&str] = &[GET, GET_MANY, FIND_BY_EMAIL];

#[async_trait]
impl ClientRepository for PgStore {
    fn database(&self) -> String {
        self.name()
    }

    async fn insert(&self, client: &Client) -> Result<Client, StoreError> {
        self.write(client.clone(), |connection, client| Box::pin(write::insert(connection, client))).await
    }

    async fn get(&self, id: ClientId) -> Result<Option<Client>, StoreError> {
        self.read(id, |connection, id| Box::pin(get(connection, *id))).await
    }

    async fn get_many(&self, ids: &[ClientId]) -> Result<Vec<Client>, StoreError> {
        let ids: HashSet<ClientId> = ids.iter().copied().collect();
        let ids: Vec<String> = ids.iter().map(ClientId::to_string).collect();
        let mut clients = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(sql::CHUNK) {
            let rows: Vec<ClientRow> = self
                .read(chunk.to_vec(), |connection, chunk| {
                    let rows = sqlx::query_as(GET_MANY).bind(chunk).fetch_all(connection);
                    Box::pin(async move { rows.await.map_err(store_error) })
                })
                .await?;
            clients.append(&mut readable(rows)?);
        }
        Ok(clients)
    }

    async fn find_by_email(&self, email: &Email) -> Result<Option<Client>, StoreError> {
        self.read(email.clone(), |connection, email| Box::pin(find_by_email(connection, email))).await
    }

    async fn update(&self, client: &Client, expected: Expected, at: Timestamp) -> Result<Client, StoreError> {
        self.transact((client.clone(), expected, at), |connection, (client, expected, at)| {
            Box::pin(write::update(connection, client, *expected, *at))
        })
        .await
    }

    async fn delete(&self, id: ClientId, expected: Expected) -> Result<Client, StoreError> {
        self.transact((id, expected), |connection, (id, expected)| Box::pin(write::delete(connection, *id, *expected)))
            .await
    }

    async fn page(
        &self,
        listing: &ClientListing,
        request: &PageRequest<ClientCursor>,
    ) -> Result<Page<Client, ClientCursor>, StoreError> {
        self.read((listing.clone(), request.clone()), |connection, (listing, request)| {
            Box::pin(page::read(connection, listing, request))
        })
        .await
    }

    fn stream(&self, listing: &ClientListing) -> BoxStream<Result<Client, StoreError>> {
        let (store, listing) = (self.clone(), listing.clone());
        stream_items(move |after| {
            let (store, listing) = (store.clone(), listing.clone());
            async move { ClientRepository::page(&store, &listing, &PageRequest { limit: PageLimit::MAX, after }).await }
        })
    }

    async fn count(&self, filter: &ClientFilter) -> Result<u64, StoreError> {
        self.scan(filter.clone(), |connection, filter| Box::pin(page::count(connection, filter))).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.ping_with(|connection, ()| Box::pin(writable(connection, PING))).await
    }
}

pub(crate) async fn get(connection: &mut PgConnection, id: ClientId) -> Result<Option<Client>, StoreError> {
    let row: Option<ClientRow> =
        sqlx::query_as(GET).bind(id.to_string()).fetch_optional(connection).await.map_err(store_error)?;
    row.map(Client::try_from).transpose()
}

pub(crate) async fn find_by_email(connection: &mut PgConnection, email: &Email) -> Result<Option<Client>, StoreError> {
    let row: Option<ClientRow> =
        sqlx::query_as(FIND_BY_EMAIL).bind(email.folded()).fetch_optional(connection).await.map_err(store_error)?;
    row.map(Client::try_from).transpose()
}
