//! Full pages out of rows of which some cannot be read.

use futures_util::TryStreamExt;
use provesi_core::{Chain, StoreError, skip_corrupt};

use crate::lines::{Decode, Lines, Text};
use crate::readers::Readers;

/// How many corrupt rows of one page are logged one by one.
const LOGGED: usize = 10;

/// The first `wanted` records of `query`, which gets the most rows that it may return, or all there are: fewer than wanted
/// means that nothing follows. Rows that cannot be read are skipped, however many they are: the query is then run again
/// without a limit, and its rows are read one by one until the page is full.
pub(crate) async fn read_full_page<T: Send + Unpin>(
    readers: &Readers,
    wanted: usize,
    query: impl Fn(usize) -> Result<Lines, StoreError> + Send,
    decode: Decode<T>,
) -> Result<Vec<T>, StoreError> {
    let lines = query(wanted)?;
    let text = readers.read(async |connection| lines.fetch(connection).await).await?;
    let rows: Vec<_> = text.lines().map(decode).collect();
    let is_all = rows.len() < wanted;
    let records = skip_corrupt(rows)?;
    if is_all || records.len() == wanted {
        return Ok(records);
    }
    let query = query(usize::MAX)?.one_by_one();
    let mut connection = readers.reader().await?;
    let mut rows = query.fetch(&mut *connection);
    let (mut records, mut skipped) = (Vec::with_capacity(wanted), 0);
    while records.len() < wanted {
        let row = rows.try_next().await.map_err(|error| readers.failed(error))?;
        let Some(text) = row.map(|row| Text::of(&row)).transpose().map_err(|error| readers.failed(error))? else {
            break;
        };
        match decode(text.line()) {
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
