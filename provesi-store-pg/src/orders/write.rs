//! Changes of orders: each is one statement that also writes its events, see [`events`](crate::events) for their ids.

use provesi_core::{
    ClientId, EventKind, Expected, NewOrder, Order, OrderId, OrderNumber, Stamp, StoreError, Timestamp, UniqueField,
};
use sqlx::postgres::PgConnection;

use crate::error::{store_error, violates};
use crate::events::{StampRow, detail};
use crate::instant::Instant;
use crate::rows::OrderRow;
use crate::sql::{self, client, folded, order_columns, take_turn};

/// What keeps a number unique: our index in any letter case, and Django's constraint to the letter.
const UNIQUE_NUMBER: &[&str] = &["provesi_orders_number", "orders_order_order_number"];

/// No target, since two indexes are in the way of a number that is taken, and whichever is hit first would raise an error
/// that ends the caller's transaction.
const INSERT: &str = concat!(
    "WITH made AS (\
        INSERT INTO orders_order \
            (order_number, client_id, status, return_reason, returned_at, created_at, updated_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING RETURNING id), \
     turn AS MATERIALIZED (SELECT id, ",
    take_turn!(),
    " FROM made), \
     told AS (\
        INSERT INTO provesi_order_events (order_id, order_number, at, actor, address, detail) \
        SELECT id, $1, $8, $9, $10, $11::jsonb FROM turn) \
     SELECT id FROM made"
);

const HAS_NUMBER: &str = concat!("SELECT count(*) FROM orders_order WHERE ", folded!(), " = $1");

/// How often an id that is taken is passed over.
const IDS: u32 = 100;

const TAKEN_IDS: &str = "the ids that orders_order gives out are taken: rows were written with ids of their own; set \
    the sequence behind them (setval)";

/// In one statement, which is its own transaction or part of the caller's. Several where ids are taken, or where an order
/// that had the number went between two of them.
pub(crate) async fn insert(
    connection: &mut PgConnection,
    order: &NewOrder,
    stamp: &Stamp,
) -> Result<Order, StoreError> {
    let info = order.state.return_info();
    let by = StampRow::from(stamp);
    let detail = detail(&EventKind::created(order))?;
    for _ in 0..IDS {
        let id: Option<i64> = sqlx::query_scalar(INSERT)
            .bind(order.number.as_str())
            .bind(order.client_id.map(|id| id.to_string()))
            .bind(order.state.status().as_str())
            .bind(info.map(|info| info.reason.as_str()))
            .bind(info.map(|info| Instant::from(info.returned_at)))
            .bind(Instant::from(order.created_at))
            .bind(Instant::from(order.updated_at))
            .bind(by.at)
            .bind(&by.actor)
            .bind(&by.address)
            .bind(&detail)
            .fetch_optional(&mut *connection)
            .await
            .map_err(store_error)?;
        if let Some(id) = id {
            return Ok(order.clone().with_id(OrderId::new(id)));
        }
        let taken: i64 = sqlx::query_scalar(HAS_NUMBER)
            .bind(order.number.folded())
            .fetch_one(&mut *connection)
            .await
            .map_err(store_error)?;
        if taken > 0 {
            return Err(StoreError::AlreadyExists { field: UniqueField::OrderNumber });
        }
    }
    Err(StoreError::backend(TAKEN_IDS))
}

/// Holds the row until the transaction is over: what was read stays true.
const LOCK: &str = concat!("SELECT ", order_columns!(), " FROM orders_order WHERE id = $1 FOR UPDATE");

/// The order as it is stored, if its version is the expected one, kept from others.
async fn stored(connection: &mut PgConnection, id: OrderId, expected: Expected) -> Result<Order, StoreError> {
    let row: Option<OrderRow> =
        sqlx::query_as(LOCK).bind(id.get()).fetch_optional(connection).await.map_err(store_error)?;
    let order = Order::try_from(row.ok_or(StoreError::NotFound)?)?;
    if expected.allows(order.version()) { Ok(order) } else { Err(StoreError::VersionConflict) }
}

/// The details are numbered, so that the ids of the events are in their order.
const UPDATE: &str = concat!(
    "WITH changed AS (\
        UPDATE orders_order SET order_number = $2, client_id = $3, status = $4, return_reason = $5, \
            returned_at = $6, updated_at = $7 \
        WHERE id = $1 RETURNING id), \
     turn AS MATERIALIZED (SELECT id, ",
    take_turn!(),
    " FROM changed) \
     INSERT INTO provesi_order_events (order_id, order_number, at, actor, address, detail) \
     SELECT turn.id, $2, $8, $9, $10, told.detail::jsonb \
     FROM turn CROSS JOIN unnest($11::text[]) WITH ORDINALITY AS told (detail, n) ORDER BY told.n"
);

/// Within a transaction.
pub(crate) async fn update(
    connection: &mut PgConnection,
    order: &Order,
    expected: Expected,
    stamp: &Stamp,
) -> Result<Order, StoreError> {
    let before = stored(connection, order.id, expected).await?;
    if before.same_content(order) {
        return Ok(before);
    }
    let updated_at = before.updated_at.next(stamp.at);
    let after = Order { created_at: before.created_at, updated_at, ..order.clone() };
    let info = after.return_info();
    let by = StampRow::from(stamp);
    let details = EventKind::changes(&before, &after).iter().map(detail).collect::<Result<Vec<_>, _>>()?;
    sqlx::query(UPDATE)
        .bind(after.id.get())
        .bind(after.number.as_str())
        .bind(after.client_id.map(|id| id.to_string()))
        .bind(after.status().as_str())
        .bind(info.map(|info| info.reason.as_str()))
        .bind(info.map(|info| Instant::from(info.returned_at)))
        .bind(Instant::from(after.updated_at))
        .bind(by.at)
        .bind(&by.actor)
        .bind(&by.address)
        .bind(&details)
        .execute(connection)
        .await
        .map_err(|error| {
            if violates(&error, UNIQUE_NUMBER) {
                return StoreError::AlreadyExists { field: UniqueField::OrderNumber };
            }
            store_error(error)
        })?;
    Ok(after)
}

const DELETE: &str = concat!(
    "WITH gone AS (DELETE FROM orders_order WHERE id = $1 RETURNING id), \
     turn AS MATERIALIZED (SELECT id, ",
    take_turn!(),
    " FROM gone) \
     INSERT INTO provesi_order_events (order_id, order_number, at, actor, address, detail) \
     SELECT id, $2, $3, $4, $5, $6::jsonb FROM turn"
);

/// Within a transaction.
pub(crate) async fn delete(
    connection: &mut PgConnection,
    id: OrderId,
    expected: Expected,
    stamp: &Stamp,
) -> Result<Order, StoreError> {
    let order = stored(connection, id, expected).await?;
    let by = StampRow::from(stamp);
    sqlx::query(DELETE)
        .bind(id.get())
        .bind(order.number.as_str())
        .bind(by.at)
        .bind(&by.actor)
        .bind(&by.address)
        .bind(detail(&EventKind::deleted(&order))?)
        .execute(connection)
        .await
        .map_err(store_error)?;
    Ok(order)
}

/// What became of some orders of a client.
pub(crate) struct Detached {
    pub(crate) changed: u64,
    /// The last of them, where there may be more after it.
    pub(crate) last: Option<i64>,
}

/// A client may have many orders; others get their turn in between.
const DETACH_AT_ONCE: usize = 500;

/// By id, so that two who detach at once do not wait for each other in a circle.
const LOCK_SOME: &str = concat!(
    "SELECT id, order_number, updated_at FROM orders_order WHERE ",
    client!(),
    " = $1 AND id > $2 ORDER BY id LIMIT $3 FOR UPDATE"
);

const DETACH: &str = concat!(
    "WITH changed AS (\
        UPDATE orders_order SET client_id = NULL, updated_at = change.updated_at \
        FROM unnest($1::bigint[], $2::timestamptz[]) AS change (id, updated_at) \
        WHERE orders_order.id = change.id RETURNING orders_order.id, orders_order.order_number), \
     turn AS MATERIALIZED (SELECT id, order_number, ",
    take_turn!(),
    " FROM changed) \
     INSERT INTO provesi_order_events (order_id, order_number, at, actor, address, detail) \
     SELECT id, order_number, $3, $4, $5, $6::jsonb FROM turn ORDER BY id"
);

/// Takes a client off some of its orders, those after `after`, within a transaction. One that cannot be read is left as
/// it is: its event could not be written.
pub(crate) async fn detach(
    connection: &mut PgConnection,
    id: ClientId,
    after: Option<i64>,
    stamp: &Stamp,
) -> Result<Detached, StoreError> {
    let rows: Vec<(i64, String, Instant)> = sqlx::query_as(LOCK_SOME)
        .bind(id.to_string())
        .bind(after.unwrap_or(0))
        .bind(sql::limit(DETACH_AT_ONCE))
        .fetch_all(&mut *connection)
        .await
        .map_err(store_error)?;
    let last = rows.last().filter(|_| rows.len() == DETACH_AT_ONCE).map(|row| row.0);
    let (mut ids, mut versions) = (Vec::with_capacity(rows.len()), Vec::with_capacity(rows.len()));
    for (id, number, updated_at) in rows {
        let (Ok(updated_at), Ok(_)) = (Timestamp::try_from(updated_at), OrderNumber::try_from(number)) else {
            tracing::error!(order = id, "an order of a deleted client cannot be read, and keeps it");
            continue;
        };
        ids.push(id);
        versions.push(Instant::from(updated_at.next(stamp.at)));
    }
    if !ids.is_empty() {
        let by = StampRow::from(stamp);
        sqlx::query(DETACH)
            .bind(&ids)
            .bind(&versions)
            .bind(by.at)
            .bind(&by.actor)
            .bind(&by.address)
            .bind(detail(&EventKind::ClientChanged { from: Some(id), to: None })?)
            .execute(connection)
            .await
            .map_err(store_error)?;
    }
    Ok(Detached { changed: ids.len() as u64, last })
}
