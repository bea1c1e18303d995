//! The port of orders.

mod count;
mod page;
mod write;

use async_trait::async_trait;
use provesi_core::{
    ClientId, Entry, EntryQuery, EventQuery, EventsOf, OrderCount, OrderCounts, OrderCursor, OrderEvent, OrderId,
    OrderKey, OrderListing, OrderRepository, OrderRow, OrderWithClient, OrderWrite, OrdersWithClients, Page,
    PageRequest, StoreError,
};

use crate::lines::{Decode, Lines};
use crate::look_up::{Lookup, look_up, lookup};
use crate::page::read_full_page;
use crate::rows::{self, client_line, order_line, order_with_client_line};
use crate::store::SqliteStore;
use crate::{entries, events, sql};

#[cfg(test)]
pub(crate) use page::{Access, Statement};
pub(crate) use write::commit;

const BY_ID: Lookup = lookup!(order_line!(), "orders", "id");
const BY_NUMBER: Lookup = lookup!(order_line!(), "orders", "number_folded");

const WITH_CLIENT_BY_ID: Lookup = lookup!(order_with_client_line!(), "orders", "id");
const WITH_CLIENT_BY_NUMBER: Lookup = lookup!(order_with_client_line!(), "orders", "number_folded");

const CLIENT_IDS: &str = "\
    SELECT json_array(client_id) AS line FROM ( \
        SELECT DISTINCT client_id FROM orders WHERE client_id > ?1 ORDER BY client_id LIMIT ?2 + 0)";

/// The statements whose plans a test looks at.
#[cfg(test)]
pub(crate) const READS: &[&str] = &[
    BY_ID.one,
    BY_ID.many,
    BY_NUMBER.one,
    BY_NUMBER.many,
    WITH_CLIENT_BY_ID.one,
    WITH_CLIENT_BY_ID.many,
    WITH_CLIENT_BY_NUMBER.one,
    WITH_CLIENT_BY_NUMBER.many,
    count::BY_CLIENT,
    CLIENT_IDS,
];

impl SqliteStore {
    /// The rows that these statements return, position by position.
    async fn orders_by<R: Clone>(
        &self,
        keys: &[OrderKey],
        by_id: &Lookup,
        by_number: &Lookup,
        decode: Decode<R>,
    ) -> Vec<Result<Option<R>, StoreError>> {
        let (mut ids, mut numbers) = (Vec::new(), Vec::new());
        for key in keys {
            match key {
                OrderKey::Id(id) => ids.push(id.get()),
                OrderKey::Number(number) => numbers.push(number.folded()),
            }
        }
        let by_id = look_up(&self.readers, by_id, &ids, decode).await;
        let by_number = look_up(&self.readers, by_number, &numbers, decode).await;
        let row = |key: &OrderKey| match key {
            OrderKey::Id(id) => by_id.get(&id.get()),
            OrderKey::Number(number) => by_number.get(&number.folded()),
        };
        keys.iter().map(row).collect()
    }
}

#[async_trait]
impl OrdersWithClients for SqliteStore {
    async fn get_with_clients(&self, keys: &[OrderKey]) -> Vec<Result<Option<OrderWithClient>, StoreError>> {
        self.orders_by(keys, &WITH_CLIENT_BY_ID, &WITH_CLIENT_BY_NUMBER, rows::order_with_client).await
    }
}

#[async_trait]
impl OrderRepository for SqliteStore {
    fn database(&self) -> String {
        "SQLite".to_owned()
    }

    async fn get_many(&self, keys: &[OrderKey]) -> Vec<Result<Option<OrderRow>, StoreError>> {
        self.orders_by(keys, &BY_ID, &BY_NUMBER, rows::order).await
    }

    async fn commit(&self, writes: &[OrderWrite]) -> Vec<Result<Option<OrderId>, StoreError>> {
        self.writer.commit_orders(writes).await
    }

    async fn page(
        &self,
        listing: &OrderListing,
        request: &PageRequest<OrderCursor>,
    ) -> Result<Page<OrderRow, OrderCursor>, StoreError> {
        page::read(&self.readers, listing, request).await
    }

    async fn count(&self, query: &OrderCount) -> Result<OrderCounts, StoreError> {
        match query {
            OrderCount::Orders { filter, by } => count::orders(&self.readers, filter, *by).await,
            OrderCount::Events { period, by } => count::events(&self.readers, period, *by).await,
            OrderCount::OfClients(ids) => count::of_clients(&self.readers, ids).await,
        }
    }

    async fn client_ids(&self, request: &PageRequest<ClientId>) -> Result<Page<ClientId, ClientId>, StoreError> {
        let after = request.after.map_or_else(String::new, |id| id.to_string());
        let query = |limit| Lines::new(CLIENT_IDS).bind(after.as_str())?.bind(sql::limit(limit));
        let ids = read_full_page(&self.readers, request.limit.get() + 1, query, rows::client_id).await?;
        Ok(Page::from_one_more(ids, request.limit, |last| *last))
    }

    async fn events(&self, EventQuery { of, after, limit }: &EventQuery) -> Result<Vec<OrderEvent>, StoreError> {
        match of {
            EventsOf::All => events::feed(&self.readers, *after, *limit).await,
            EventsOf::Number(number) => events::history(&self.readers, number, *after, *limit).await,
        }
    }

    async fn entries(&self, query: &EntryQuery) -> Result<Vec<Entry>, StoreError> {
        entries::read(&self.readers, query).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.ping().await
    }
}
