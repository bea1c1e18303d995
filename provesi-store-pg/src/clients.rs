//! The port of clients.

mod page;
pub(crate) mod write;

use std::collections::HashSet;

use async_trait::async_trait;
use provesi_core::{
    BoxStream, Client, ClientCursor, ClientFilter, ClientId, ClientListing, ClientRepository, Email, Expected, Page,
    PageLimit, PageRequest, StoreError, Timestamp, readable, stream_items,
};
use sqlx::PgExecutor;

use crate::error::store_error;
use crate::patience::{self, read, write};
use crate::rows::ClientRow;
use crate::sql::{self, client_columns};
use crate::store::PgStore;

#[cfg(test)]
pub(crate) use page::{page_text, search_text};

const GET: &str = concat!("SELECT ", client_columns!(), " FROM provesi_clients WHERE id = $1");

const GET_MANY: &str = concat!("SELECT ", client_columns!(), " FROM provesi_clients WHERE id = ANY($1)");

const FIND_BY_EMAIL: &str = concat!("SELECT ", client_columns!(), " FROM provesi_clients WHERE email_folded = $1");

/// A look at the table.
const PING: &str = "SELECT count(*) FROM (SELECT 1 FROM provesi_clients LIMIT 1) AS one";

/// The statements whose plans a test looks at.
#[cfg(test)]
pub(crate) const READS: &[&str] = &[GET, GET_MANY, FIND_BY_EMAIL];

#[async_trait]
impl ClientRepository for PgStore {
    fn database(&self) -> String {
        self.name()
    }

    async fn insert(&self, client: &Client) -> Result<Client, StoreError> {
        let client = client.clone();
        self.apart(|store| async move { write(|| write::insert(&store.pool, &client)).await }).await
    }

    async fn get(&self, id: ClientId) -> Result<Option<Client>, StoreError> {
        self.apart(move |store| async move { read(|| get(&store.pool, id)).await }).await
    }

    async fn get_many(&self, ids: &[ClientId]) -> Result<Vec<Client>, StoreError> {
        let ids: HashSet<ClientId> = ids.iter().copied().collect();
        let ids: Vec<String> = ids.iter().map(ClientId::to_string).collect();
        let mut clients = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(sql::CHUNK) {
            let chunk = chunk.to_vec();
            let found = self.apart(|store| async move {
                let rows: Vec<ClientRow> = read(|| async {
                    sqlx::query_as(GET_MANY).bind(&chunk).fetch_all(&store.pool).await.map_err(store_error)
                })
                .await?;
                readable(rows)
            });
            clients.append(&mut found.await?);
        }
        Ok(clients)
    }

    async fn find_by_email(&self, email: &Email) -> Result<Option<Client>, StoreError> {
        let email = email.clone();
        self.apart(|store| async move { read(|| find_by_email(&store.pool, &email)).await }).await
    }

    async fn update(&self, client: &Client, expected: Expected, at: Timestamp) -> Result<Client, StoreError> {
        let client = client.clone();
        self.apart(move |store| async move {
            write(|| async {
                let mut transaction = store.pool.begin().await.map_err(store_error)?;
                let after = write::update(&mut transaction, &client, expected, at).await?;
                transaction.commit().await.map_err(store_error)?;
                Ok(after)
            })
            .await
        })
        .await
    }

    async fn delete(&self, id: ClientId, expected: Expected) -> Result<Client, StoreError> {
        self.apart(move |store| async move {
            write(|| async {
                let mut transaction = store.pool.begin().await.map_err(store_error)?;
                let deleted = write::delete(&mut transaction, id, expected).await?;
                transaction.commit().await.map_err(store_error)?;
                Ok(deleted)
            })
            .await
        })
        .await
    }

    async fn page(
        &self,
        listing: &ClientListing,
        request: &PageRequest<ClientCursor>,
    ) -> Result<Page<Client, ClientCursor>, StoreError> {
        let (listing, request) = (listing.clone(), request.clone());
        self.apart(|store| async move { read(|| page::read(&store.pool, &listing, &request)).await }).await
    }

    fn stream(&self, listing: &ClientListing) -> BoxStream<Result<Client, StoreError>> {
        let (store, listing) = (self.clone(), listing.clone());
        stream_items(move |after| {
            let (store, listing) = (store.clone(), listing.clone());
            async move { ClientRepository::page(&store, &listing, &PageRequest { limit: PageLimit::MAX, after }).await }
        })
    }

    async fn count(&self, filter: &ClientFilter) -> Result<u64, StoreError> {
        let (pool, filter) = (self.pool.clone(), filter.clone());
        patience::to_its_end(patience::LONG_DEADLINE, async move { page::count(&pool, &filter).await }).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.ping(PING).await
    }
}

pub(crate) async fn get(executor: impl PgExecutor<'_>, id: ClientId) -> Result<Option<Client>, StoreError> {
    let row: Option<ClientRow> =
        sqlx::query_as(GET).bind(id.to_string()).fetch_optional(executor).await.map_err(store_error)?;
    row.map(Client::try_from).transpose()
}

pub(crate) async fn find_by_email(executor: impl PgExecutor<'_>, email: &Email) -> Result<Option<Client>, StoreError> {
    let row: Option<ClientRow> =
        sqlx::query_as(FIND_BY_EMAIL).bind(email.folded()).fetch_optional(executor).await.map_err(store_error)?;
    row.map(Client::try_from).transpose()
}
