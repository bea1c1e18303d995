//! Changes of orders, as the writer's transaction runs them: each with its events.

use std::collections::HashMap;

use async_trait::async_trait;
use provesi_core::{
    ClientId, EventKind, Expected, Order, OrderId, OrderNumber, Stamp, StoreError, Timestamp, UniqueField,
};
use sqlx::sqlite::SqliteConnection;

use super::GET;
use crate::error::{is_unique_violation, store_error};
use crate::events::{self, NewEvent};
use crate::rows::OrderRow;
use crate::sql;
use crate::writer::{InsertOrder, Write};

/// Any number of orders in one statement. A number that is taken, in the table or earlier in the statement, leaves
/// its order out; which these are is told by the rows that come back. (`WHERE true` keeps SQLite from taking ON
/// CONFLICT for the condition of a join.)
const INSERT: &str = "\
    INSERT INTO orders \
        (order_number, number_folded, client_id, status, return_reason, returned_at, created_at, updated_at) \
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7 \
    FROM json_each(?1) WHERE true \
    ON CONFLICT (number_folded) DO NOTHING \
    RETURNING number_folded, id";

/// Inserts orders with their events. The outcomes are in the order of `inserts`.
pub(crate) async fn insert_all(
    connection: &mut SqliteConnection,
    inserts: &[&InsertOrder],
) -> Result<Vec<Result<Order, StoreError>>, StoreError> {
    let rows: Vec<_> = inserts
        .iter()
        .map(|InsertOrder { order, .. }| {
            let info = order.state.return_info();
            (
                order.number.as_str(),
                order.number.folded(),
                order.client_id,
                order.state.status(),
                info.map(|info| info.reason.as_str()),
                info.map(|info| info.returned_at.micros()),
                order.created_at.micros(),
                order.updated_at.micros(),
            )
        })
        .collect();
    let kept: Vec<(String, i64)> =
        sqlx::query_as(INSERT).bind(sql::json(&rows)?).fetch_all(&mut *connection).await.map_err(store_error)?;
    let mut ids: HashMap<String, i64> = kept.into_iter().collect();
    let mut created = Vec::with_capacity(ids.len());
    let mut outcomes = Vec::with_capacity(inserts.len());
    for (insert, row) in inserts.iter().zip(rows) {
        // The first of those that want a number has it.
        let Some(id) = ids.remove(&row.1) else {
            outcomes.push(Err(StoreError::AlreadyExists { field: UniqueField::OrderNumber }));
            continue;
        };
        let InsertOrder { order, stamp } = insert;
        let order_id = OrderId::new(id);
        created.push(NewEvent { order_id, number: &order.number, stamp, kind: EventKind::created(order) });
        outcomes.push(Ok(order.clone().with_id(order_id)));
    }
    events::insert_all(connection, &created).await?;
    Ok(outcomes)
}

/// The order as it is stored, if its version is the expected one.
async fn stored(connection: &mut SqliteConnection, id: OrderId, expected: Expected) -> Result<Order, StoreError> {
    let row: Option<OrderRow> =
        sqlx::query_as(GET).bind(id.get()).fetch_optional(connection).await.map_err(store_error)?;
    let order = Order::try_from(row.ok_or(StoreError::NotFound)?)?;
    if expected.allows(order.version()) { Ok(order) } else { Err(StoreError::VersionConflict) }
}

pub(super) struct Update {
    pub(super) order: Order,
    pub(super) expected: Expected,
    pub(super) stamp: Stamp,
}

const UPDATE: &str = "\
    UPDATE orders SET order_number = ?2, number_folded = ?3, client_id = ?4, status = ?5, return_reason = ?6, \
        returned_at = ?7, updated_at = ?8 \
    WHERE id = ?1";

#[async_trait]
impl Write for Update {
    type Output = Order;

    async fn run(&self, connection: &mut SqliteConnection) -> Result<Order, StoreError> {
        let before = stored(connection, self.order.id, self.expected).await?;
        if before.same_content(&self.order) {
            return Ok(before);
        }
        let updated_at = before.updated_at.next(self.stamp.at);
        let after = Order { created_at: before.created_at, updated_at, ..self.order.clone() };
        let info = after.return_info();
        sqlx::query(UPDATE)
            .bind(after.id.get())
            .bind(after.number.as_str())
            .bind(after.number.folded())
            .bind(after.client_id.map(|id| id.to_string()))
            .bind(after.status().as_str())
            .bind(info.map(|info| info.reason.as_str()))
            .bind(info.map(|info| info.returned_at.micros()))
            .bind(after.updated_at.micros())
            .execute(&mut *connection)
            .await
            .map_err(|error| {
                if is_unique_violation(&error) {
                    return StoreError::AlreadyExists { field: UniqueField::OrderNumber };
                }
                store_error(error)
            })?;
        let event = |kind| NewEvent { order_id: after.id, number: &after.number, stamp: &self.stamp, kind };
        let events: Vec<_> = EventKind::changes(&before, &after).into_iter().map(event).collect();
        events::insert_all(connection, &events).await?;
        Ok(after)
    }
}

pub(super) struct Delete {
    pub(super) id: OrderId,
    pub(super) expected: Expected,
    pub(super) stamp: Stamp,
}

const DELETE: &str = "DELETE FROM orders WHERE id = ?1";

#[async_trait]
impl Write for Delete {
    type Output = Order;

    async fn run(&self, connection: &mut SqliteConnection) -> Result<Order, StoreError> {
        let order = stored(connection, self.id, self.expected).await?;
        sqlx::query(DELETE).bind(self.id.get()).execute(&mut *connection).await.map_err(store_error)?;
        let kind = EventKind::deleted(&order);
        let event = NewEvent { order_id: order.id, number: &order.number, stamp: &self.stamp, kind };
        events::insert_all(connection, &[event]).await?;
        Ok(order)
    }
}

/// Detaches a client from the first of its orders after a position. An order that cannot be read keeps it: its event could
/// not be written.
pub(super) struct Detach {
    pub(super) id: ClientId,
    pub(super) stamp: Stamp,
    pub(super) after: DetachPosition,
}

/// A place among the orders of a client: `updated_at` and id of an order.
#[derive(Clone, Copy)]
pub(super) struct DetachPosition(i64, i64);

impl DetachPosition {
    /// Before all orders.
    pub(super) const START: Self = Self(i64::MIN, 0);
}

/// What became of some orders of a client.
pub(super) struct Detached {
    pub(super) changed: u64,
    /// Whether there may be more.
    pub(super) is_full: bool,
    /// Behind the last order that could not be read. Those that were changed are no longer the client's.
    pub(super) next: DetachPosition,
}

/// A client may have many orders; other writes get their turn in between.
const DETACH_BATCH: u32 = 500;

const ORDERS_OF_CLIENT: &str = "\
    SELECT id, order_number, updated_at FROM orders INDEXED BY orders_client_updated \
    WHERE client_id = ?1 AND (updated_at, id) > (?3, ?4 COLLATE BINARY) ORDER BY updated_at, id LIMIT ?2";

const DETACH: &str = "\
    UPDATE orders SET client_id = NULL, updated_at = change.value ->> 1 \
    FROM json_each(?1) AS change WHERE orders.id = change.value ->> 0";

#[async_trait]
impl Write for Detach {
    type Output = Detached;

    async fn run(&self, connection: &mut SqliteConnection) -> Result<Detached, StoreError> {
        let rows: Vec<(i64, String, i64)> = sqlx::query_as(ORDERS_OF_CLIENT)
            .bind(self.id.to_string())
            .bind(i64::from(DETACH_BATCH))
            .bind(self.after.0)
            .bind(self.after.1)
            .fetch_all(&mut *connection)
            .await
            .map_err(store_error)?;
        let is_full = rows.len() == DETACH_BATCH as usize;
        let mut changes = Vec::with_capacity(rows.len());
        let mut numbers = Vec::with_capacity(rows.len());
        let mut next = self.after;
        for (id, number, micros) in rows {
            let (Ok(updated_at), Ok(number)) = (Timestamp::from_micros(micros), OrderNumber::try_from(number)) else {
                tracing::error!(order = id, "an order of a deleted client cannot be read, and keeps it");
                next = DetachPosition(micros, id);
                continue;
            };
            changes.push((id, updated_at.next(self.stamp.at).micros()));
            numbers.push((OrderId::new(id), number));
        }
        if changes.is_empty() {
            return Ok(Detached { changed: 0, is_full, next });
        }
        sqlx::query(DETACH).bind(sql::json(&changes)?).execute(&mut *connection).await.map_err(store_error)?;
        let event = |(order_id, number)| {
            let kind = EventKind::ClientChanged { from: Some(self.id), to: None };
            NewEvent { order_id, number, stamp: &self.stamp, kind }
        };
        let events: Vec<_> = numbers.iter().map(|(id, number)| event((*id, number))).collect();
        events::insert_all(connection, &events).await?;
        Ok(Detached { changed: changes.len() as u64, is_full, next })
    }
}
