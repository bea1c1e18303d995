//! The port of orders.

mod page;
mod write;

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use provesi_core::{
    BoxStream, ClientId, EventId, Expected, NewOrder, Order, OrderCursor, OrderEvent, OrderFilter, OrderId,
    OrderListing, OrderNumber, OrderRepository, Page, PageLimit, PageRequest, Stamp, StoreError, readable,
    stream_items,
};

use crate::page::read_full_page;
use crate::readers::Readers;
use crate::rows::{ClientIdRow, OrderRow};
use crate::store::SqliteStore;
use crate::writer::InsertOrder;
use crate::{events, sql};

#[cfg(test)]
pub(crate) use page::{Access, Statement};
pub(crate) use write::insert_all;

const GET: &str = "\
    SELECT id, order_number, client_id, status, return_reason, returned_at, created_at, updated_at \
    FROM orders WHERE id = ?1";

const FIND_BY_NUMBER: &str = "\
    SELECT id, order_number, client_id, status, return_reason, returned_at, created_at, updated_at \
    FROM orders WHERE number_folded = ?1";

const FIND_BY_NUMBERS: &str = "\
    SELECT id, order_number, client_id, status, return_reason, returned_at, created_at, updated_at \
    FROM orders WHERE number_folded IN (SELECT value FROM json_each(?1))";

const COUNT_BY_CLIENT: &str = "\
    SELECT client_id, count(*) FROM orders \
    WHERE client_id IN (SELECT value FROM json_each(?1)) GROUP BY client_id";

const CLIENT_IDS: &str = "\
    SELECT DISTINCT client_id FROM orders WHERE client_id > ?1 ORDER BY client_id LIMIT ?2";

/// The statements whose plans a test looks at.
#[cfg(test)]
pub(crate) const READS: &[&str] = &[GET, FIND_BY_NUMBER, FIND_BY_NUMBERS, COUNT_BY_CLIENT, CLIENT_IDS];

#[async_trait]
impl OrderRepository for SqliteStore {
    fn database(&self) -> String {
        "SQLite".to_owned()
    }

    async fn insert(&self, order: &NewOrder, stamp: &Stamp) -> Result<Order, StoreError> {
        self.writer.insert_order(InsertOrder { order: order.clone(), stamp: stamp.clone() }).await
    }

    async fn get(&self, id: OrderId) -> Result<Option<Order>, StoreError> {
        let row: Option<OrderRow> = sqlx::query_as(GET)
            .bind(id.get())
            .fetch_optional(&self.readers.pool)
            .await
            .map_err(|error| self.readers.failed(error))?;
        row.map(Order::try_from).transpose()
    }

    async fn find_by_number(&self, number: &OrderNumber) -> Result<Option<Order>, StoreError> {
        let row: Option<OrderRow> = sqlx::query_as(FIND_BY_NUMBER)
            .bind(number.folded())
            .fetch_optional(&self.readers.pool)
            .await
            .map_err(|error| self.readers.failed(error))?;
        row.map(Order::try_from).transpose()
    }

    async fn find_by_numbers(&self, numbers: &[OrderNumber]) -> Result<Vec<Order>, StoreError> {
        let numbers: HashSet<String> = numbers.iter().map(OrderNumber::folded).collect();
        let numbers: Vec<String> = numbers.into_iter().collect();
        let mut orders = Vec::with_capacity(numbers.len());
        for chunk in numbers.chunks(sql::CHUNK) {
            let rows: Vec<OrderRow> = sqlx::query_as(FIND_BY_NUMBERS)
                .bind(sql::json(chunk)?)
                .fetch_all(&self.readers.pool)
                .await
                .map_err(|error| self.readers.failed(error))?;
            orders.append(&mut readable(rows)?);
        }
        Ok(orders)
    }

    async fn update(&self, order: &Order, expected: Expected, stamp: &Stamp) -> Result<Order, StoreError> {
        self.writer.write(write::Update { order: order.clone(), expected, stamp: stamp.clone() }).await
    }

    async fn delete(&self, id: OrderId, expected: Expected, stamp: &Stamp) -> Result<Order, StoreError> {
        self.writer.write(write::Delete { id, expected, stamp: stamp.clone() }).await
    }

    async fn page(
        &self,
        listing: &OrderListing,
        request: &PageRequest<OrderCursor>,
    ) -> Result<Page<Order, OrderCursor>, StoreError> {
        page::read(&self.readers, listing, request).await
    }

    fn stream(&self, listing: &OrderListing) -> BoxStream<Result<Order, StoreError>> {
        let (readers, listing) = (self.readers.clone(), listing.clone());
        stream_items(move |after| {
            let (readers, listing) = (readers.clone(), listing.clone());
            async move { page::read(&readers, &listing, &PageRequest { limit: PageLimit::MAX, after }).await }
        })
    }

    async fn count(&self, filter: &OrderFilter) -> Result<u64, StoreError> {
        page::count(&self.readers, filter).await
    }

    async fn count_by_client(&self, ids: &[ClientId]) -> Result<HashMap<ClientId, u64>, StoreError> {
        let mut counts: HashMap<ClientId, u64> = ids.iter().map(|id| (*id, 0)).collect();
        let ids: Vec<ClientId> = counts.keys().copied().collect();
        for chunk in ids.chunks(sql::CHUNK) {
            let rows: Vec<(String, i64)> = sqlx::query_as(COUNT_BY_CLIENT)
                .bind(sql::json(chunk)?)
                .fetch_all(&self.readers.pool)
                .await
                .map_err(|error| self.readers.failed(error))?;
            for (id, count) in rows {
                let id: ClientId = id.parse().map_err(StoreError::corrupt)?;
                counts.insert(id, count.unsigned_abs());
            }
        }
        Ok(counts)
    }

    async fn detach_client(&self, id: ClientId, stamp: &Stamp) -> Result<u64, StoreError> {
        let (mut detached, mut after) = (0, write::DetachPosition::START);
        loop {
            let batch = self.writer.write(write::Detach { id, stamp: stamp.clone(), after }).await?;
            detached += batch.changed;
            if !batch.is_full {
                return Ok(detached);
            }
            after = batch.next;
        }
    }

    fn client_ids(&self) -> BoxStream<Result<ClientId, StoreError>> {
        let readers = self.readers.clone();
        stream_items(move |after| {
            let readers = readers.clone();
            async move { client_ids(&readers, after).await }
        })
    }

    async fn history(
        &self,
        number: &OrderNumber,
        after: Option<EventId>,
        limit: PageLimit,
    ) -> Result<Vec<OrderEvent>, StoreError> {
        events::history(&self.readers, number, after, limit).await
    }

    async fn feed(&self, after: Option<EventId>, limit: PageLimit) -> Result<Vec<OrderEvent>, StoreError> {
        events::feed(&self.readers, after, limit).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.ping().await
    }
}

async fn client_ids(readers: &Readers, after: Option<ClientId>) -> Result<Page<ClientId, ClientId>, StoreError> {
    let limit = PageLimit::MAX;
    let after = after.map_or_else(String::new, |id| id.to_string());
    let ids: Vec<ClientId> = read_full_page(readers, limit.get() + 1, |limit| {
        Ok(sqlx::query_as::<_, ClientIdRow>(CLIENT_IDS).bind(after.clone()).bind(sql::limit(limit)))
    })
    .await?;
    Ok(Page::from_one_more(ids, limit, |last| *last))
}
