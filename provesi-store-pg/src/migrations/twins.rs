//! Numbers that differ in letter case only: the Python system let them pass, and they cannot be kept apart here.

use provesi_core::StoreError;
use sqlx::postgres::PgConnection;

use crate::error::store_error;
use crate::sql::folded;

/// How many numbers are named, and how many spellings of each.
const NAMED: usize = 20;

const TWINS: &str = concat!(
    "SELECT (array_agg(order_number::text ORDER BY id))[1:4], count(*) OVER () FROM orders_order GROUP BY ",
    folded!(),
    " HAVING count(*) > 1 ORDER BY ",
    folded!(),
    " LIMIT 20"
);

/// # Errors
/// [`StoreError::Backend`] where there are some, which are named.
pub(super) async fn refuse(connection: &mut PgConnection) -> Result<(), StoreError> {
    let twins: Vec<(Vec<String>, i64)> = sqlx::query_as(TWINS).fetch_all(connection).await.map_err(store_error)?;
    let Some((_, count)) = twins.first() else { return Ok(()) };
    let spellings: Vec<String> = twins.iter().map(|(spellings, _)| spellings.join(" = ")).collect();
    let more = usize::try_from(*count).unwrap_or(usize::MAX).saturating_sub(NAMED);
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    Err(StoreError::backend(format!(
        "{count} order numbers are there in several spellings that differ in letter case only; rename or delete orders \
         until each is there once, and migrate again: {}{more}",
        spellings.join(", "),
    )))
}
