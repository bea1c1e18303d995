//! The port of clients.

mod page;
pub(crate) mod write;

use std::collections::HashSet;

use async_trait::async_trait;
use provesi_core::{
    BoxStream, Client, ClientCursor, ClientFilter, ClientId, ClientListing, ClientRepository, Email, Expected, Page,
    PageLimit, PageRequest, StoreError, Timestamp, stream_items,
};
use sqlx::PgExecutor;

use crate::error::store_error;
use crate::patience::{self, read, write};
use crate::rows::{ClientRow, readable};
use crate::sql::{self, client_columns};
use crate::store::PgStore;

#[cfg(test)]
pub(crate) use page::page_text;

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
        write(|| write::insert(&self.pool, client)).await
    }

    async fn get(&self, id: ClientId) -> Result<Option<Client>, StoreError> {
        read(|| get(&self.pool, id)).await
    }

    async fn get_many(&self, ids: &[ClientId]) -> Result<Vec<Client>, StoreError> {
        let ids: HashSet<ClientId> = ids.iter().copied().collect();
        let ids: Vec<String> = ids.iter().map(ClientId::to_string).collect();
        let mut clients = Vec::with_capacity(ids.len());
        for chunk in ids.chunks(sql::CHUNK) {
            let rows: Vec<ClientRow> = read(|| async {
                sqlx::query_as(GET_MANY).bind(chunk).fetch_all(&self.pool).await.map_err(store_error)
            })
            .await?;
            clients.append(&mut readable(rows)?);
        }
        Ok(clients)
    }

    async fn find_by_email(&self, email: &Email) -> Result<Option<Client>, StoreError> {
        read(|| find_by_email(&self.pool, email)).await
    }

    async fn update(&self, client: &Client, expected: Expected, at: Timestamp) -> Result<Client, StoreError> {
        write(|| async {
            let mut transaction = self.pool.begin().await.map_err(store_error)?;
            let after = write::update(&mut transaction, client, expected, at).await?;
            transaction.commit().await.map_err(store_error)?;
            Ok(after)
        })
        .await
    }

    async fn delete(&self, id: ClientId, expected: Expected) -> Result<Client, StoreError> {
        write(|| async {
            let mut transaction = self.pool.begin().await.map_err(store_error)?;
            let deleted = write::delete(&mut transaction, id, expected).await?;
            transaction.commit().await.map_err(store_error)?;
            Ok(deleted)
        })
        .await
    }

    async fn page(
        &self,
        listing: &ClientListing,
        request: &PageRequest<ClientCursor>,
    ) -> Result<Page<Client, ClientCursor>, StoreError> {
        read(|| page::read(&self.pool, listing, request)).await
    }

    fn stream(&self, listing: &ClientListing) -> BoxStream<Result<Client, StoreError>> {
        let (pool, listing) = (self.pool.clone(), listing.clone());
        stream_items(move |after| {
            let (pool, listing) = (pool.clone(), listing.clone());
            async move {
                let request = PageRequest { limit: PageLimit::MAX, after };
                read(|| page::read(&pool, &listing, &request)).await
            }
        })
    }

    async fn count(&self, filter: &ClientFilter) -> Result<u64, StoreError> {
        patience::within(patience::LONG_DEADLINE, page::count(&self.pool, filter)).await
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
