//! The port of orders.

mod page;
pub(crate) mod write;

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use provesi_core::{
    BoxStream, ClientId, EventId, Expected, NewOrder, Order, OrderCursor, OrderEvent, OrderFilter, OrderId,
    OrderListing, OrderNumber, OrderRepository, Page, PageLimit, PageRequest, Stamp, StoreError, filled, readable,
    stream_items,
};
use sqlx::postgres::PgConnection;
use tokio::sync::Mutex;

use crate::error::store_error;
use crate::events;
use crate::rows::{ClientIdRow, OrderRow};
use crate::sql::{self, client, folded, is_writable, order_columns};
use crate::store::{PgStore, writable};

#[cfg(test)]
pub(crate) use page::Statement;

const GET: &str = concat!("SELECT ", order_columns!(), " FROM orders_order WHERE id = $1");

const FIND_BY_NUMBER: &str = concat!("SELECT ", order_columns!(), " FROM orders_order WHERE ", folded!(), " = $1");

const FIND_BY_NUMBERS: &str =
    concat!("SELECT ", order_columns!(), " FROM orders_order WHERE ", folded!(), " = ANY($1)");

const COUNT_BY_CLIENT: &str =
    concat!("SELECT ", client!(), ", count(*) FROM orders_order WHERE ", client!(), " = ANY($1) GROUP BY ", client!());

/// Jumps from client to client along the index, whatever the number of orders that each has.
const CLIENT_IDS: &str = concat!(
    "WITH RECURSIVE ids (client_id) AS (\
        (SELECT ",
    client!(),
    " FROM orders_order WHERE ",
    client!(),
    " > $1 ORDER BY ",
    client!(),
    " LIMIT 1) UNION ALL \
        SELECT (SELECT ",
    client!(),
    " FROM orders_order WHERE ",
    client!(),
    " > ids.client_id ORDER BY ",
    client!(),
    " LIMIT 1) FROM ids WHERE ids.client_id IS NOT NULL) \
     SELECT client_id FROM ids WHERE client_id IS NOT NULL LIMIT $2"
);

/// Whether the server takes writes, with a look at each table that orders need.
const PING: &str = concat!(
    "SELECT ",
    is_writable!(),
    " FROM (SELECT count(*) FROM (SELECT 1 FROM orders_order LIMIT 1) AS one) AS orders, \
     (SELECT count(*) FROM (SELECT 1 FROM provesi_order_events LIMIT 1) AS one) AS events"
);

/// The statements whose plans a test looks at.
#[cfg(test)]
pub(crate) const READS: &[&str] = &[GET, FIND_BY_NUMBER, FIND_BY_NUMBERS, COUNT_BY_CLIENT, CLIENT_IDS];

#[async_trait]
impl OrderRepository for PgStore {
    fn database(&self) -> String {
        self.name()
    }

    async fn insert(&self, order: &NewOrder, stamp: &Stamp) -> Result<Order, StoreError> {
        self.write((order.clone(), stamp.clone()), |connection, (order, stamp)| {
            Box::pin(write::insert(connection, order, stamp))
        })
        .await
    }

    async fn get(&self, id: OrderId) -> Result<Option<Order>, StoreError> {
        self.read(id, |connection, id| Box::pin(get(connection, *id))).await
    }

    async fn find_by_number(&self, number: &OrderNumber) -> Result<Option<Order>, StoreError> {
        self.read(number.clone(), |connection, number| Box::pin(find_by_number(connection, number))).await
    }

    async fn find_by_numbers(&self, numbers: &[OrderNumber]) -> Result<Vec<Order>, StoreError> {
        let numbers: HashSet<String> = numbers.iter().map(OrderNumber::folded).collect();
        let numbers: Vec<String> = numbers.into_iter().collect();
        let mut orders = Vec::with_capacity(numbers.len());
        for chunk in numbers.chunks(sql::CHUNK) {
            let rows: Vec<OrderRow> = self
                .read(chunk.to_vec(), |connection, chunk| {
                    let rows = sqlx::query_as(FIND_BY_NUMBERS).bind(chunk).fetch_all(connection);
                    Box::pin(async move { rows.await.map_err(store_error) })
                })
                .await?;
            orders.append(&mut readable(rows)?);
        }
        Ok(orders)
    }

    async fn update(&self, order: &Order, expected: Expected, stamp: &Stamp) -> Result<Order, StoreError> {
        self.transact((order.clone(), expected, stamp.clone()), |connection, (order, expected, stamp)| {
            Box::pin(write::update(connection, order, *expected, stamp))
        })
        .await
    }

    async fn delete(&self, id: OrderId, expected: Expected, stamp: &Stamp) -> Result<Order, StoreError> {
        self.transact((id, expected, stamp.clone()), |connection, (id, expected, stamp)| {
            Box::pin(write::delete(connection, *id, *expected, stamp))
        })
        .await
    }

    async fn page(
        &self,
        listing: &OrderListing,
        request: &PageRequest<OrderCursor>,
    ) -> Result<Page<Order, OrderCursor>, StoreError> {
        self.read((listing.clone(), request.clone()), |connection, (listing, request)| {
            Box::pin(page::read(connection, listing, request))
        })
        .await
    }

    fn stream(&self, listing: &OrderListing) -> BoxStream<Result<Order, StoreError>> {
        let (store, listing) = (self.clone(), listing.clone());
        stream_items(move |after| {
            let (store, listing) = (store.clone(), listing.clone());
            async move { OrderRepository::page(&store, &listing, &PageRequest { limit: PageLimit::MAX, after }).await }
        })
    }

    async fn count(&self, filter: &OrderFilter) -> Result<u64, StoreError> {
        self.scan(filter.clone(), |connection, filter| Box::pin(page::count(connection, filter))).await
    }

    async fn count_by_client(&self, ids: &[ClientId]) -> Result<HashMap<ClientId, u64>, StoreError> {
        let mut counts: HashMap<ClientId, u64> = ids.iter().map(|id| (*id, 0)).collect();
        let ids: Vec<String> = counts.keys().map(ClientId::to_string).collect();
        for chunk in ids.chunks(sql::CHUNK) {
            let rows: Vec<(String, i64)> = self
                .read(chunk.to_vec(), |connection, chunk| {
                    let rows = sqlx::query_as(COUNT_BY_CLIENT).bind(chunk).fetch_all(connection);
                    Box::pin(async move { rows.await.map_err(store_error) })
                })
                .await?;
            for (id, count) in rows {
                counts.insert(id.parse().map_err(StoreError::corrupt)?, count.unsigned_abs());
            }
        }
        Ok(counts)
    }

    async fn detach_client(&self, id: ClientId, stamp: &Stamp) -> Result<u64, StoreError> {
        let (mut detached, mut after) = (0, None);
        loop {
            let batch = self.transact((id, after, stamp.clone()), |connection, (id, after, stamp)| {
                Box::pin(write::detach(connection, *id, *after, stamp))
            });
            let batch = batch.await?;
            detached += batch.changed;
            let Some(last) = batch.last else { return Ok(detached) };
            after = Some(last);
        }
    }

    fn client_ids(&self) -> BoxStream<Result<ClientId, StoreError>> {
        let store = self.clone();
        stream_items(move |after| {
            let store = store.clone();
            async move { store.read(after, |connection, after| Box::pin(client_ids(connection, *after))).await }
        })
    }

    async fn history(
        &self,
        number: &OrderNumber,
        after: Option<EventId>,
        limit: PageLimit,
    ) -> Result<Vec<OrderEvent>, StoreError> {
        self.read((number.clone(), after, limit), |connection, (number, after, limit)| {
            Box::pin(events::history(connection, number, *after, *limit))
        })
        .await
    }

    async fn feed(&self, after: Option<EventId>, limit: PageLimit) -> Result<Vec<OrderEvent>, StoreError> {
        self.read((after, limit), |connection, (after, limit)| Box::pin(events::feed(connection, *after, *limit))).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.ping_with(|connection, ()| Box::pin(writable(connection, PING))).await
    }
}

pub(crate) async fn get(connection: &mut PgConnection, id: OrderId) -> Result<Option<Order>, StoreError> {
    let row: Option<OrderRow> =
        sqlx::query_as(GET).bind(id.get()).fetch_optional(connection).await.map_err(store_error)?;
    row.map(Order::try_from).transpose()
}

pub(crate) async fn find_by_number(
    connection: &mut PgConnection,
    number: &OrderNumber,
) -> Result<Option<Order>, StoreError> {
    let row: Option<OrderRow> =
        sqlx::query_as(FIND_BY_NUMBER).bind(number.folded()).fetch_optional(connection).await.map_err(store_error)?;
    row.map(Order::try_from).transpose()
}

async fn client_ids(
    connection: &mut PgConnection,
    after: Option<ClientId>,
) -> Result<Page<ClientId, ClientId>, StoreError> {
    let limit = PageLimit::MAX;
    let connection = Mutex::new(connection);
    let ids = filled(limit.get() + 1, async |limit| {
        let ids: Vec<ClientIdRow> = sqlx::query_as(CLIENT_IDS)
            // The empty text, where nobody was chosen, is no client's.
            .bind(after.map_or_else(String::new, |id| id.to_string()))
            .bind(sql::limit(limit))
            .fetch_all(&mut **connection.lock().await)
            .await
            .map_err(store_error)?;
        Ok(ids)
    })
    .await?;
    Ok(Page::from_one_more(ids, limit, |last| *last))
}
