//! Order numbers that differ in letter case only. The Python system allowed them; here a number is unique in any letter case.

use provesi_core::{MAX_CONFLICTS, StoreError};
use sqlx::Connection;
use sqlx::postgres::PgConnection;

use crate::error::store_error;
use crate::sql::{self, folded};

/// How many numbers the error of a migration names.
const NAMED: usize = 20;

/// The first spellings of each number and their orders, and how many such numbers there are.
const DUPLICATES: &str = concat!(
    "SELECT (array_agg(order_number::text ORDER BY id))[1:4], (array_agg(id ORDER BY id))[1:4], count(*) OVER () \
     FROM orders_order GROUP BY ",
    folded!(),
    " HAVING count(*) > 1 ORDER BY ",
    folded!(),
    " LIMIT $1"
);

type Duplicate = (Vec<String>, Vec<i64>, i64);

async fn find(connection: &mut PgConnection, limit: usize) -> Result<(Vec<Duplicate>, usize), StoreError> {
    let query = sqlx::query_as(DUPLICATES).bind(sql::limit(limit));
    let duplicates: Vec<Duplicate> = query.fetch_all(connection).await.map_err(store_error)?;
    let count = duplicates.first().map_or(0, |(_, _, count)| usize::try_from(*count).unwrap_or(usize::MAX));
    Ok((duplicates, count))
}

/// A line for each number with the first of its orders, and one for those that are not named.
pub(crate) async fn describe(connection: &mut PgConnection) -> Result<Vec<String>, StoreError> {
    if !super::schema::has_orders(connection).await? {
        return Ok(Vec::new());
    }
    let mut transaction = connection.begin().await.map_err(store_error)?;
    sqlx::query(sql::PATIENT).execute(&mut *transaction).await.map_err(store_error)?;
    let (duplicates, count) = find(&mut transaction, MAX_CONFLICTS).await?;
    transaction.rollback().await.map_err(store_error)?;
    let line = |(spellings, ids, _): &Duplicate| {
        let ids: Vec<String> = ids.iter().map(i64::to_string).collect();
        format!("one order number in several letter cases: {}, orders {}", spellings.join(" = "), ids.join(", "))
    };
    let mut lines: Vec<String> = duplicates.iter().map(line).collect();
    if count > duplicates.len() {
        lines.push(format!("{} more order numbers in several letter cases", count - duplicates.len()));
    }
    Ok(lines)
}

/// # Errors
/// [`StoreError::Backend`] where there are some, which are named.
pub(super) async fn refuse(connection: &mut PgConnection) -> Result<(), StoreError> {
    let (duplicates, count) = find(connection, NAMED).await?;
    if duplicates.is_empty() {
        return Ok(());
    }
    let spellings: Vec<String> = duplicates.iter().map(|(spellings, ..)| spellings.join(" = ")).collect();
    let more = if count > NAMED { format!(", and {} more", count - NAMED) } else { String::new() };
    Err(StoreError::backend(format!(
        "{count} order numbers are there in several spellings that differ in letter case only; rename or delete orders \
         until each is there once, and migrate again: {}{more}",
        spellings.join(", "),
    )))
}
