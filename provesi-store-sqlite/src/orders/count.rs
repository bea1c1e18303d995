//! Counts of orders and events. Those that are not of given clients take time in proportion to the table.

use std::collections::BTreeSet;

use provesi_core::{
    ClientId, CountKey, EventGroup, OrderCounts, OrderFilter, OrderGroup, Period, StoreError, day_from_epoch,
};
use sqlx::sqlite::{Sqlite, SqliteRow};
use sqlx::{AssertSqlSafe, Decode, Row, Type};

use super::page::Statement;
use crate::error::store_error;
use crate::readers::Readers;
use crate::sql;

pub(super) const BY_CLIENT: &str = "\
    SELECT client_id, count(*) FROM orders \
    WHERE client_id IN (SELECT value FROM json_each(?1)) GROUP BY client_id";

pub(super) async fn of_clients(readers: &Readers, ids: &[ClientId]) -> Result<OrderCounts, StoreError> {
    let ids: Vec<ClientId> = ids.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
    let mut counts: OrderCounts = ids.iter().map(|id| (CountKey::Client(*id), 0)).collect();
    for chunk in ids.chunks(sql::CHUNK) {
        let query = sqlx::query_as(BY_CLIENT).bind(sql::json(chunk)?);
        let rows: Vec<(String, i64)> = readers.read(async |connection| query.fetch_all(connection).await).await?;
        for (id, count) in rows {
            counts.insert(CountKey::Client(id.parse().map_err(StoreError::corrupt)?), count.unsigned_abs());
        }
    }
    Ok(counts)
}

pub(super) async fn orders(readers: &Readers, filter: &OrderFilter, by: OrderGroup) -> Result<OrderCounts, StoreError> {
    let key = |row: &SqliteRow| {
        Ok(match by {
            OrderGroup::All => CountKey::All,
            OrderGroup::Status => CountKey::Status(get(row, 0)?),
            OrderGroup::DayCreated { .. } => CountKey::Day(day_from_epoch(get(row, 0)?)?),
        })
    };
    let rows = fetch(readers, Statement::count(filter, by)?).await?;
    rows.iter().map(|row| Ok((key(row)?, count(row)?))).collect()
}

pub(super) async fn events(readers: &Readers, period: &Period, by: EventGroup) -> Result<OrderCounts, StoreError> {
    let rows = fetch(readers, Statement::count_events(period, by)?).await?;
    let mut counts = OrderCounts::new();
    for row in &rows {
        // Without a kind it is no event of ours.
        let Some(kind) = get(row, 1)? else { continue };
        let key = match by {
            EventGroup::Day { .. } => CountKey::DayAndKind(day_from_epoch(get(row, 0)?)?, kind),
            EventGroup::Actor => CountKey::ActorAndKind(get(row, 0)?, kind),
        };
        counts.insert(key, count(row)?);
    }
    Ok(counts)
}

async fn fetch(readers: &Readers, statement: Statement) -> Result<Vec<SqliteRow>, StoreError> {
    let query = sqlx::query_with(AssertSqlSafe(statement.text), statement.arguments);
    readers.read(async |connection| query.fetch_all(connection).await).await
}

fn get<'r, T: Decode<'r, Sqlite> + Type<Sqlite>>(row: &'r SqliteRow, column: usize) -> Result<T, StoreError> {
    row.try_get(column).map_err(store_error)
}

fn count(row: &SqliteRow) -> Result<u64, StoreError> {
    Ok(row.try_get::<i64, _>("count").map_err(store_error)?.unsigned_abs())
}
