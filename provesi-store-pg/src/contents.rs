//! Whether a database belongs to another program.

use provesi_core::StoreError;
use sqlx::postgres::PgConnection;

use crate::error::store_error;

/// Tables and views of the schema that ours would be made in, ours first. What an extension brought is nobody's.
const TABLES: &str = "\
    SELECT relname::text, relname IN ('orders_order', 'provesi_migrations') AS ours FROM pg_class \
    WHERE relnamespace = to_regnamespace(quote_ident(current_schema()))::oid AND relkind IN ('r', 'p', 'v', 'm', 'f') \
        AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e') \
    ORDER BY ours DESC, relname LIMIT 5";

/// The first tables of the current schema, where it has some and neither one of ours nor Django's of orders.
pub(crate) async fn foreign_tables(connection: &mut PgConnection) -> Result<Vec<String>, StoreError> {
    let tables: Vec<(String, bool)> = sqlx::query_as(TABLES).fetch_all(connection).await.map_err(store_error)?;
    if tables.first().is_some_and(|(_, ours)| *ours) {
        return Ok(Vec::new());
    }
    Ok(tables.into_iter().map(|(table, _)| table).collect())
}
