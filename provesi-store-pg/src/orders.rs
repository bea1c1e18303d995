//! The port of orders.

mod count;
mod page;
pub(crate) mod write;

use std::collections::BTreeSet;

use async_trait::async_trait;
use provesi_core::{
    ClientId, CountKey, Entry, EntryQuery, EventQuery, OrderCount, OrderCounts, OrderCursor, OrderEvent, OrderId,
    OrderKey, OrderListing, OrderRepository, OrderRow, OrderWithClient, OrderWrite, OrdersWithClients, Page,
    PageRequest, StoreError, read_full_page,
};
use sqlx::postgres::PgConnection;
use tokio::sync::Mutex;

use crate::commit::{HeldUp, commit};
use crate::error::store_error;
use crate::rows::{ClientIdRow, Columns, Lookup, look_up};
use crate::sql::{self, client, client_columns, folded, is_writable, order_columns, order_with_client_columns};
use crate::store::{PgStore, writable};
use crate::{entries, events};

#[cfg(test)]
pub(crate) use page::Statement;

macro_rules! lookup {
    ($key:expr, $is_asked:literal) => {
        concat!("SELECT ", order_columns!(), ", ", $key, " AS key FROM orders_order WHERE ", $key, $is_asked)
    };
}

const BY_ID: Lookup = Lookup { one: lookup!("id", " = $1"), many: lookup!("id", " = ANY($1)") };

const BY_NUMBER: Lookup = Lookup { one: lookup!(folded!(), " = $1"), many: lookup!(folded!(), " = ANY($1)") };

/// `OFFSET 0` keeps PostgreSQL from joining whole tables, which it does from some 30 keys on.
macro_rules! lookup_with_client {
    ($key:expr, $is_asked:literal) => {
        concat!(
            "SELECT ",
            order_with_client_columns!(),
            ", ",
            $key,
            " AS key FROM orders_order LEFT JOIN LATERAL (SELECT ",
            client_columns!(),
            " FROM provesi_clients WHERE id = ",
            client!(),
            " OFFSET 0) AS client ON true WHERE ",
            $key,
            $is_asked
        )
    };
}

pub(crate) const WITH_CLIENT_BY_ID: Lookup = Lookup {
    one: lookup_with_client!("orders_order.id", " = $1"),
    many: lookup_with_client!("orders_order.id", " = ANY($1)"),
};

pub(crate) const WITH_CLIENT_BY_NUMBER: Lookup =
    Lookup { one: lookup_with_client!(folded!(), " = $1"), many: lookup_with_client!(folded!(), " = ANY($1)") };

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
     (SELECT count(*) FROM (SELECT 1 FROM provesi_order_events LIMIT 1) AS one) AS events, \
     (SELECT count(*) FROM (SELECT 1 FROM provesi_entries LIMIT 1) AS one) AS entries"
);

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
    COUNT_BY_CLIENT,
    CLIENT_IDS,
];

impl PgStore {
    /// The rows that these statements return, position by position.
    async fn orders_by<R: Columns + Clone + Send>(
        &self,
        keys: &[OrderKey],
        by_id: &'static Lookup,
        by_number: &'static Lookup,
    ) -> Vec<Result<Option<R>, StoreError>> {
        let (mut ids, mut numbers) = (Vec::new(), Vec::new());
        for key in keys {
            match key {
                OrderKey::Id(id) => ids.push(id.get()),
                OrderKey::Number(number) => numbers.push(number.folded()),
            }
        }
        let by_id = look_up(self, by_id, ids.into_iter()).await;
        let by_number = look_up(self, by_number, numbers.into_iter()).await;
        let found = keys.iter().map(|key| match key {
            OrderKey::Id(id) => by_id.get(&id.get()),
            OrderKey::Number(number) => by_number.get(&number.folded()),
        });
        found.map(|row| row.cloned().unwrap_or(Ok(None))).collect()
    }
}

#[async_trait]
impl OrdersWithClients for PgStore {
    async fn get_with_clients(&self, keys: &[OrderKey]) -> Vec<Result<Option<OrderWithClient>, StoreError>> {
        self.orders_by(keys, &WITH_CLIENT_BY_ID, &WITH_CLIENT_BY_NUMBER).await
    }
}

#[async_trait]
impl OrderRepository for PgStore {
    fn database(&self) -> String {
        self.name()
    }

    async fn get_many(&self, keys: &[OrderKey]) -> Vec<Result<Option<OrderRow>, StoreError>> {
        self.orders_by(keys, &BY_ID, &BY_NUMBER).await
    }

    async fn commit(&self, writes: &[OrderWrite]) -> Vec<Result<Option<OrderId>, StoreError>> {
        commit(self, writes, HeldUp::Waits).await
    }

    async fn try_commit(&self, writes: &[OrderWrite]) -> Vec<Result<Option<OrderId>, StoreError>> {
        commit(self, writes, HeldUp::IsRefused).await
    }

    async fn page(
        &self,
        listing: &OrderListing,
        request: &PageRequest<OrderCursor>,
    ) -> Result<Page<OrderRow, OrderCursor>, StoreError> {
        self.read((listing.clone(), request.clone()), |connection, (listing, request)| {
            Box::pin(page::read(connection, listing, request))
        })
        .await
    }

    async fn count(&self, query: &OrderCount) -> Result<OrderCounts, StoreError> {
        match query {
            OrderCount::Orders { filter, by } => {
                self.scan((filter.clone(), *by), |connection, (filter, by)| {
                    Box::pin(count::orders(connection, filter, *by))
                })
                .await
            }
            OrderCount::Events { period, by } => {
                self.scan((*period, *by), |connection, (period, by)| Box::pin(count::events(connection, period, *by)))
                    .await
            }
            OrderCount::OfClients(ids) => count_by_client(self, ids).await,
        }
    }

    async fn client_ids(&self, request: &PageRequest<ClientId>) -> Result<Page<ClientId, ClientId>, StoreError> {
        self.read(request.clone(), |connection, request| Box::pin(client_ids(connection, request))).await
    }

    async fn events(&self, query: &EventQuery) -> Result<Vec<OrderEvent>, StoreError> {
        self.read(query.clone(), |connection, query| Box::pin(events::read(connection, query))).await
    }

    async fn entries(&self, query: &EntryQuery) -> Result<Vec<Entry>, StoreError> {
        self.read(query.clone(), |connection, query| Box::pin(entries::read(connection, query))).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.ping_with(|connection, ()| Box::pin(writable(connection, PING))).await
    }
}

async fn count_by_client(store: &PgStore, ids: &[ClientId]) -> Result<OrderCounts, StoreError> {
    let ids: BTreeSet<ClientId> = ids.iter().copied().collect();
    let texts: Vec<String> = ids.iter().map(ClientId::to_string).collect();
    let mut counts: OrderCounts = ids.into_iter().map(|id| (CountKey::Client(id), 0)).collect();
    for chunk in texts.chunks(sql::CHUNK) {
        let rows: Vec<(String, i64)> = store
            .read(chunk.to_vec(), |connection, chunk| {
                let rows = sqlx::query_as(COUNT_BY_CLIENT).bind(chunk).fetch_all(connection);
                Box::pin(async move { rows.await.map_err(store_error) })
            })
            .await?;
        for (id, count) in rows {
            counts.insert(CountKey::Client(id.parse().map_err(StoreError::corrupt)?), count.unsigned_abs());
        }
    }
    Ok(counts)
}

async fn client_ids(
    connection: &mut PgConnection,
    PageRequest { limit, after }: &PageRequest<ClientId>,
) -> Result<Page<ClientId, ClientId>, StoreError> {
    let connection = Mutex::new(connection);
    let read = async |after: String, limit| {
        let ids: Vec<ClientIdRow> = sqlx::query_as(CLIENT_IDS)
            .bind(after)
            .bind(sql::limit(limit))
            .fetch_all(&mut **connection.lock().await)
            .await
            .map_err(store_error)?;
        Ok(ids)
    };
    // No client has the empty text, which is before all ids.
    let after = after.map_or_else(String::new, |id| id.to_string());
    let ids = read_full_page(limit.get() + 1, after, read, |row: &ClientIdRow| row.client_id.clone()).await?;
    Ok(Page::from_one_more(ids, *limit, |last| *last))
}
