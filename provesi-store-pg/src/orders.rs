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
use sqlx::PgExecutor;
use sqlx::postgres::PgPool;

use crate::error::store_error;
use crate::patience::{read, write};
use crate::rows::{ClientIdRow, OrderRow};
use crate::sql::{self, client, folded, order_columns};
use crate::store::PgStore;
use crate::{events, patience};

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

/// A look at each table that orders need.
const PING: &str = "SELECT (SELECT count(*) FROM (SELECT 1 FROM orders_order LIMIT 1) AS one) + \
    (SELECT count(*) FROM (SELECT 1 FROM provesi_order_events LIMIT 1) AS one)";

/// The statements whose plans a test looks at.
#[cfg(test)]
pub(crate) const READS: &[&str] = &[GET, FIND_BY_NUMBER, FIND_BY_NUMBERS, COUNT_BY_CLIENT, CLIENT_IDS];

#[async_trait]
impl OrderRepository for PgStore {
    fn database(&self) -> String {
        self.name()
    }

    async fn insert(&self, order: &NewOrder, stamp: &Stamp) -> Result<Order, StoreError> {
        let (order, stamp) = (order.clone(), stamp.clone());
        self.apart(|store| async move { write(|| write::insert(&store.pool, &order, &stamp)).await }).await
    }

    async fn get(&self, id: OrderId) -> Result<Option<Order>, StoreError> {
        self.apart(move |store| async move { read(|| get(&store.pool, id)).await }).await
    }

    async fn find_by_number(&self, number: &OrderNumber) -> Result<Option<Order>, StoreError> {
        let number = number.clone();
        self.apart(|store| async move { read(|| find_by_number(&store.pool, &number)).await }).await
    }

    async fn find_by_numbers(&self, numbers: &[OrderNumber]) -> Result<Vec<Order>, StoreError> {
        let numbers: HashSet<String> = numbers.iter().map(OrderNumber::folded).collect();
        let numbers: Vec<String> = numbers.into_iter().collect();
        let mut orders = Vec::with_capacity(numbers.len());
        for chunk in numbers.chunks(sql::CHUNK) {
            let chunk = chunk.to_vec();
            let found = self.apart(|store| async move {
                let rows: Vec<OrderRow> = read(|| async {
                    sqlx::query_as(FIND_BY_NUMBERS).bind(&chunk).fetch_all(&store.pool).await.map_err(store_error)
                })
                .await?;
                readable(rows)
            });
            orders.append(&mut found.await?);
        }
        Ok(orders)
    }

    async fn update(&self, order: &Order, expected: Expected, stamp: &Stamp) -> Result<Order, StoreError> {
        let (order, stamp) = (order.clone(), stamp.clone());
        self.apart(move |store| async move {
            write(|| async {
                let mut transaction = store.pool.begin().await.map_err(store_error)?;
                let after = write::update(&mut transaction, &order, expected, &stamp).await?;
                transaction.commit().await.map_err(store_error)?;
                Ok(after)
            })
            .await
        })
        .await
    }

    async fn delete(&self, id: OrderId, expected: Expected, stamp: &Stamp) -> Result<Order, StoreError> {
        let stamp = stamp.clone();
        self.apart(move |store| async move {
            write(|| async {
                let mut transaction = store.pool.begin().await.map_err(store_error)?;
                let deleted = write::delete(&mut transaction, id, expected, &stamp).await?;
                transaction.commit().await.map_err(store_error)?;
                Ok(deleted)
            })
            .await
        })
        .await
    }

    async fn page(
        &self,
        listing: &OrderListing,
        request: &PageRequest<OrderCursor>,
    ) -> Result<Page<Order, OrderCursor>, StoreError> {
        let (listing, request) = (listing.clone(), request.clone());
        self.apart(|store| async move { read(|| page::read(&store.pool, &listing, &request)).await }).await
    }

    fn stream(&self, listing: &OrderListing) -> BoxStream<Result<Order, StoreError>> {
        let (store, listing) = (self.clone(), listing.clone());
        stream_items(move |after| {
            let (store, listing) = (store.clone(), listing.clone());
            async move { OrderRepository::page(&store, &listing, &PageRequest { limit: PageLimit::MAX, after }).await }
        })
    }

    async fn count(&self, filter: &OrderFilter) -> Result<u64, StoreError> {
        let (pool, filter) = (self.pool.clone(), filter.clone());
        patience::to_its_end(patience::LONG_DEADLINE, async move { page::count(&pool, &filter).await }).await
    }

    async fn count_by_client(&self, ids: &[ClientId]) -> Result<HashMap<ClientId, u64>, StoreError> {
        let mut counts: HashMap<ClientId, u64> = ids.iter().map(|id| (*id, 0)).collect();
        let ids: Vec<String> = counts.keys().map(ClientId::to_string).collect();
        for chunk in ids.chunks(sql::CHUNK) {
            let chunk = chunk.to_vec();
            let rows = self.apart(|store| async move {
                read(|| async {
                    sqlx::query_as(COUNT_BY_CLIENT).bind(&chunk).fetch_all(&store.pool).await.map_err(store_error)
                })
                .await
            });
            let rows: Vec<(String, i64)> = rows.await?;
            for (id, count) in rows {
                counts.insert(id.parse().map_err(StoreError::corrupt)?, count.unsigned_abs());
            }
        }
        Ok(counts)
    }

    async fn detach_client(&self, id: ClientId, stamp: &Stamp) -> Result<u64, StoreError> {
        let (mut detached, mut after) = (0, None);
        loop {
            let stamp = stamp.clone();
            let batch = self.apart(move |store| async move {
                write(|| async {
                    let mut transaction = store.pool.begin().await.map_err(store_error)?;
                    let batch = write::detach(&mut transaction, id, after, &stamp).await?;
                    transaction.commit().await.map_err(store_error)?;
                    Ok(batch)
                })
                .await
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
            async move { store.apart(move |store| async move { read(|| client_ids(&store.pool, after)).await }).await }
        })
    }

    async fn history(
        &self,
        number: &OrderNumber,
        after: Option<EventId>,
        limit: PageLimit,
    ) -> Result<Vec<OrderEvent>, StoreError> {
        let number = number.clone();
        self.apart(move |store| async move { read(|| events::history(&store.pool, &number, after, limit)).await }).await
    }

    async fn feed(&self, after: Option<EventId>, limit: PageLimit) -> Result<Vec<OrderEvent>, StoreError> {
        self.apart(move |store| async move { read(|| events::feed(&store.pool, after, limit)).await }).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.ping(PING).await
    }
}

pub(crate) async fn get(executor: impl PgExecutor<'_>, id: OrderId) -> Result<Option<Order>, StoreError> {
    let row: Option<OrderRow> =
        sqlx::query_as(GET).bind(id.get()).fetch_optional(executor).await.map_err(store_error)?;
    row.map(Order::try_from).transpose()
}

pub(crate) async fn find_by_number(
    executor: impl PgExecutor<'_>,
    number: &OrderNumber,
) -> Result<Option<Order>, StoreError> {
    let row: Option<OrderRow> =
        sqlx::query_as(FIND_BY_NUMBER).bind(number.folded()).fetch_optional(executor).await.map_err(store_error)?;
    row.map(Order::try_from).transpose()
}

async fn client_ids(pool: &PgPool, after: Option<ClientId>) -> Result<Page<ClientId, ClientId>, StoreError> {
    let limit = PageLimit::MAX;
    let ids = filled(limit.get() + 1, |limit| async move {
        let ids: Vec<ClientIdRow> = sqlx::query_as(CLIENT_IDS)
            // The empty text, where nobody was chosen, is no client's.
            .bind(after.map_or_else(String::new, |id| id.to_string()))
            .bind(sql::limit(limit))
            .fetch_all(pool)
            .await
            .map_err(store_error)?;
        Ok(ids)
    })
    .await?;
    Ok(Page::from_one_more(ids, limit, |last| *last))
}
