//! Changes of orders, as the writer's transaction makes them: each with its events.

use std::collections::HashMap;

use provesi_core::{NewOrder, Order, OrderAction, OrderId, OrderRow, OrderWrite, StoreError, UniqueField};
use sqlx::sqlite::SqliteConnection;

use crate::entries::Entries;
use crate::error::{is_unique_violation, store_error};
use crate::events::{self, NewEvent};
use crate::sql;

/// Makes `writes` in their order and returns their outcomes. Those that follow each other and insert, without a change of an
/// entry, become one statement, and all events another.
pub(crate) async fn commit(
    connection: &mut SqliteConnection,
    writes: &[&OrderWrite],
) -> Result<Vec<Result<Option<OrderId>, StoreError>>, StoreError> {
    let mut entries = if writes.iter().any(|write| write.entry_keys().next().is_some()) {
        Entries::read(connection, writes).await?
    } else {
        Entries::default()
    };
    let mut outcomes = Vec::with_capacity(writes.len());
    let is_insert = |write: &OrderWrite| matches!(write.action(), OrderAction::Insert(_)) && write.entries().is_empty();
    for group in writes.chunk_by(|one, other| is_insert(one) && is_insert(other)) {
        let checked: Vec<_> = group.iter().map(|write| entries.check(write)).collect();
        let allowed = group.iter().zip(&checked).filter(|(_, checked)| checked.is_ok());
        let allowed: Vec<&OrderWrite> = allowed.map(|(write, _)| *write).collect();
        let mut made = make(connection, &allowed).await?.into_iter();
        for (write, checked) in group.iter().zip(checked) {
            let outcome = match checked {
                Err(refused) => Err(refused),
                Ok(()) => made.next().unwrap_or_else(|| Err(StoreError::backend("a write has no outcome"))),
            };
            if let Ok(order_id) = outcome {
                entries.put(connection, write, order_id).await?;
            }
            outcomes.push(outcome);
        }
    }
    let mut appended = Vec::with_capacity(writes.len());
    for (write, outcome) in writes.iter().zip(&outcomes) {
        let Ok(Some(order_id)) = *outcome else { continue };
        let (number, stamp) = (write.number(), write.stamp());
        appended.extend(write.events().iter().map(|kind| NewEvent { order_id, number, stamp, kind }));
        events::rewrite(connection, order_id, write.rewritten()).await?;
    }
    events::insert_all(connection, &appended).await?;
    Ok(outcomes)
}

/// Makes the changes of the rows of one write, or of several that insert.
async fn make(
    connection: &mut SqliteConnection,
    group: &[&OrderWrite],
) -> Result<Vec<Result<Option<OrderId>, StoreError>>, StoreError> {
    let Some(first) = group.first() else { return Ok(Vec::new()) };
    let made = match first.action() {
        OrderAction::Insert(_) => {
            return Ok(insert_all(connection, group).await?.into_iter().map(|id| id.map(Some)).collect());
        }
        OrderAction::Replace { before, after } => replace(connection, before, after).await?.map(Some),
        OrderAction::Delete { before } => delete(connection, before).await?.map(Some),
        OrderAction::Restore(order) => restore(connection, order).await?.map(Some),
        OrderAction::Keep { id, .. } => Ok(Some(*id)),
        OrderAction::None => Ok(None),
    };
    Ok(vec![made])
}

/// Any number of orders in one statement. A number that is taken, in the table or earlier in the statement, leaves
/// its order out; the rows that come back say which. (`WHERE true` keeps SQLite from taking ON CONFLICT for the condition
/// of a join.)
const INSERT: &str = "\
    INSERT INTO orders \
        (order_number, number_folded, client_id, status, return_reason, returned_at, created_at, updated_at) \
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6, value ->> 7 \
    FROM json_each(?1) WHERE true \
    ON CONFLICT (number_folded) DO NOTHING \
    RETURNING number_folded, id";

async fn insert_all<'w>(
    connection: &mut SqliteConnection,
    inserts: &[&'w OrderWrite],
) -> Result<Vec<Result<OrderId, StoreError>>, StoreError> {
    let orders = inserts.iter().filter_map(|write| match write.action() {
        OrderAction::Insert(order) => Some(order),
        _ => None,
    });
    let row = |order: &'w NewOrder| {
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
    };
    let rows: Vec<_> = orders.map(row).collect();
    let kept: Vec<(String, i64)> =
        sqlx::query_as(INSERT).bind(sql::json(&rows)?).fetch_all(&mut *connection).await.map_err(store_error)?;
    let mut ids: HashMap<String, i64> = kept.into_iter().collect();
    // The first of those that want a number has it.
    let outcome = |folded| ids.remove(folded).map(OrderId::new).ok_or_else(number_taken);
    Ok(rows.iter().map(|row| &row.1).map(outcome).collect())
}

const RESTORE: &str = "\
    INSERT INTO orders \
        (id, order_number, number_folded, client_id, status, return_reason, returned_at, created_at, updated_at) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

const EXISTS: &str = "SELECT count(*) FROM orders WHERE id = ?1";

async fn restore(connection: &mut SqliteConnection, order: &Order) -> Result<Result<OrderId, StoreError>, StoreError> {
    let id = order.id.get();
    let existing: i64 = sqlx::query_scalar(EXISTS).bind(id).fetch_one(&mut *connection).await.map_err(store_error)?;
    if existing > 0 {
        return Ok(Err(StoreError::VersionConflict));
    }
    let info = order.return_info();
    let restored = sqlx::query(RESTORE)
        .bind(id)
        .bind(order.number.as_str())
        .bind(order.number.folded())
        .bind(order.client_id.map(|id| id.to_string()))
        .bind(order.status().as_str())
        .bind(info.map(|info| info.reason.as_str()))
        .bind(info.map(|info| info.returned_at.micros()))
        .bind(order.created_at.micros())
        .bind(order.updated_at.micros())
        .execute(connection)
        .await;
    match restored {
        Ok(_) => Ok(Ok(order.id)),
        Err(error) if is_unique_violation(&error) => Ok(Err(number_taken())),
        Err(error) => Err(store_error(error)),
    }
}

/// The condition that a row is as it was read, with the parameters 1 to 8.
macro_rules! as_read {
    () => {
        " WHERE id = ?1 AND order_number = ?2 AND client_id IS ?3 AND status = ?4 AND return_reason IS ?5 \
          AND returned_at IS ?6 AND created_at = ?7 AND updated_at = ?8"
    };
}

const REPLACE: &str = concat!(
    "UPDATE orders SET order_number = ?9, number_folded = ?10, client_id = ?11, status = ?12, return_reason = ?13, \
        returned_at = ?14, updated_at = ?15",
    as_read!()
);

async fn replace(
    connection: &mut SqliteConnection,
    before: &OrderRow,
    after: &Order,
) -> Result<Result<OrderId, StoreError>, StoreError> {
    let info = after.return_info();
    let replaced = bind_as_read(REPLACE, before)
        .bind(after.number.as_str())
        .bind(after.number.folded())
        .bind(after.client_id.map(|id| id.to_string()))
        .bind(after.status().as_str())
        .bind(info.map(|info| info.reason.as_str()))
        .bind(info.map(|info| info.returned_at.micros()))
        .bind(after.updated_at.micros())
        .execute(connection)
        .await;
    match replaced {
        Ok(replaced) => Ok(changed(before.id, replaced.rows_affected())),
        Err(error) if is_unique_violation(&error) => Ok(Err(number_taken())),
        Err(error) => Err(store_error(error)),
    }
}

const DELETE: &str = concat!("DELETE FROM orders", as_read!());

async fn delete(
    connection: &mut SqliteConnection,
    before: &OrderRow,
) -> Result<Result<OrderId, StoreError>, StoreError> {
    let deleted = bind_as_read(DELETE, before).execute(connection).await.map_err(store_error)?;
    Ok(changed(before.id, deleted.rows_affected()))
}

fn bind_as_read<'q>(
    statement: &'static str,
    before: &'q OrderRow,
) -> sqlx::query::Query<'q, sqlx::Sqlite, sqlx::sqlite::SqliteArguments> {
    sqlx::query(statement)
        .bind(before.id.get())
        .bind(&before.number)
        .bind(before.client_id.as_deref())
        .bind(&before.status)
        .bind(before.return_reason.as_deref())
        .bind(before.returned_at.map(provesi_core::Timestamp::micros))
        .bind(before.created_at.micros())
        .bind(before.updated_at.micros())
}

fn changed(id: OrderId, rows: u64) -> Result<OrderId, StoreError> {
    if rows == 1 { Ok(id) } else { Err(StoreError::VersionConflict) }
}

const fn number_taken() -> StoreError {
    StoreError::AlreadyExists { field: UniqueField::OrderNumber }
}
