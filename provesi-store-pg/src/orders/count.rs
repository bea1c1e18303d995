//! Counts whose time is in proportion to the table. Each is one statement in a transaction with a longer timeout.

use provesi_core::{CountKey, EventGroup, OrderCounts, OrderFilter, OrderGroup, Period, StoreError, day_from_epoch};
use sqlx::postgres::{PgConnection, PgRow, Postgres};
use sqlx::{AssertSqlSafe, Connection, Decode, Row, Type};

use super::page::Statement;
use crate::error::store_error;
use crate::sql;

pub(super) async fn orders(
    connection: &mut PgConnection,
    filter: &OrderFilter,
    by: OrderGroup,
) -> Result<OrderCounts, StoreError> {
    let key = |row: &PgRow| {
        Ok(match by {
            OrderGroup::All => CountKey::All,
            OrderGroup::Status => CountKey::Status(get(row, 0)?),
            OrderGroup::DayCreated { .. } => CountKey::Day(day_from_epoch(get::<i32>(row, 0)?.into())?),
        })
    };
    let rows = fetch(connection, Statement::count(filter, by)?).await?;
    rows.iter().map(|row| Ok((key(row)?, count(row)?))).collect()
}

pub(super) async fn events(
    connection: &mut PgConnection,
    period: &Period,
    by: EventGroup,
) -> Result<OrderCounts, StoreError> {
    let rows = fetch(connection, Statement::count_events(period, by)?).await?;
    let mut counts = OrderCounts::new();
    for row in &rows {
        // Without a kind it is no event of ours.
        let Some(kind) = get(row, 1)? else { continue };
        let key = match by {
            EventGroup::Day { .. } => CountKey::DayAndKind(day_from_epoch(get::<i32>(row, 0)?.into())?, kind),
            EventGroup::Actor => CountKey::ActorAndKind(get(row, 0)?, kind),
        };
        counts.insert(key, count(row)?);
    }
    Ok(counts)
}

async fn fetch(connection: &mut PgConnection, statement: Statement) -> Result<Vec<PgRow>, StoreError> {
    let mut transaction = connection.begin().await.map_err(store_error)?;
    sqlx::query(sql::PATIENT).execute(&mut *transaction).await.map_err(store_error)?;
    let rows = sqlx::query_with(AssertSqlSafe(statement.text), statement.arguments)
        .persistent(false)
        .fetch_all(&mut *transaction)
        .await
        .map_err(store_error)?;
    transaction.rollback().await.map_err(store_error)?;
    Ok(rows)
}

fn get<'r, T: Decode<'r, Postgres> + Type<Postgres>>(row: &'r PgRow, column: usize) -> Result<T, StoreError> {
    row.try_get(column).map_err(store_error)
}

fn count(row: &PgRow) -> Result<u64, StoreError> {
    Ok(row.try_get::<i64, _>("count").map_err(store_error)?.unsigned_abs())
}
