//! What a store makes of rows that it read: records, and as many as were asked for.

use std::future::Future;

use crate::{Chain, StoreError};

/// Rows as the records that they stand for. One that breaks the rules ([`StoreError::Corrupt`]) is left out and logged:
/// it is not to take the others with it.
///
/// # Errors
/// Any other than a record's.
pub fn readable<R, T: TryFrom<R, Error = StoreError>>(rows: Vec<R>) -> Result<Vec<T>, StoreError> {
    let mut records = Vec::with_capacity(rows.len());
    for row in rows {
        match T::try_from(row) {
            Ok(record) => records.push(record),
            Err(error @ StoreError::Corrupt { .. }) => tracing::error!(error = %Chain(&error), "a record is left out"),
            Err(error) => return Err(error),
        }
    }
    Ok(records)
}

/// The first `wanted` records of what `read` reads as many rows of as it is told, or all there are: where some cannot be
/// read, those that follow fill their places, so that fewer than wanted means that nothing follows. A page is read as one
/// more than its limit, see [`Page::from_one_more`](crate::Page::from_one_more).
///
/// # Errors
/// Those of `read`.
pub async fn filled<R, T, F, Fut>(wanted: usize, read: F) -> Result<Vec<T>, StoreError>
where
    T: TryFrom<R, Error = StoreError>,
    F: Fn(usize) -> Fut,
    Fut: Future<Output = Result<Vec<R>, StoreError>>,
{
    let mut limit = wanted;
    loop {
        let rows = read(limit).await?;
        let is_all = rows.len() < limit;
        let mut records = readable(rows)?;
        if is_all || records.len() >= wanted {
            records.truncate(wanted);
            return Ok(records);
        }
        limit = limit.saturating_mul(2);
    }
}
