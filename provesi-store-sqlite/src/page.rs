//! Full pages out of rows of which some cannot be read.

use futures_util::TryStreamExt;
use provesi_core::{Chain, StoreError, skip_corrupt};
use sqlx::sqlite::{Sqlite, SqliteArguments};

use crate::readers::Readers;
use crate::rows::Decode;

pub(crate) type Query = sqlx::query::Query<'static, Sqlite, SqliteArguments>;

/// How many corrupt rows of one page are logged one by one.
const LOGGED: usize = 10;

/// The first `wanted` records of `query`, which gets the most rows that it may return, or all there are: fewer than wanted
/// means that nothing follows. Rows that cannot be read are skipped, however many they are: the query is then run again
/// without a limit, and its rows are read one by one until the page is full.
pub(crate) async fn read_full_page<T: Send + Unpin>(
    readers: &Readers,
    wanted: usize,
    query: impl Fn(usize) -> Result<Query, StoreError> + Send,
    decode: Decode<T>,
) -> Result<Vec<T>, StoreError> {
    let first = query(wanted)?.map(|row| decode(&row));
    let rows = first.fetch_all(&mut *readers.connection().await?).await.map_err(|error| readers.failed(error))?;
    let is_all = rows.len() < wanted;
    let records = skip_corrupt(rows)?;
    if is_all || records.len() == wanted {
        return Ok(records);
    }
    let query = query(usize::MAX)?;
    let mut connection = readers.connection().await?;
    let mut rows = query.fetch(&mut *connection);
    let (mut records, mut skipped) = (Vec::with_capacity(wanted), 0);
    while records.len() < wanted {
        let Some(row) = rows.try_next().await.map_err(|error| readers.failed(error))? else { break };
        match decode(&row) {
            Ok(record) => records.push(record),
            Err(error @ StoreError::Corrupt { .. }) => {
                skipped += 1;
                if skipped <= LOGGED {
                    tracing::error!(error = %Chain(&error), "a corrupt record is skipped");
                }
            }
            Err(error) => return Err(error),
        }
    }
    tracing::error!(skipped, "corrupt records were skipped to fill a page");
    Ok(records)
}
