//! Records of the rows that a store read, and as many as a page needs.

use std::future::Future;

use crate::{Chain, StoreError};

/// The records of rows. A row that breaks the rules of the domain ([`StoreError::Corrupt`]) is skipped and logged, so that
/// it does not take the others with it.
///
/// # Errors
/// Any other error.
pub fn readable<R, T: TryFrom<R, Error = StoreError>>(rows: Vec<R>) -> Result<Vec<T>, StoreError> {
    skip_corrupt(rows.into_iter().map(T::try_from))
}

/// The records that are not [`StoreError::Corrupt`]. The others are logged.
///
/// # Errors
/// The first other error.
pub(crate) fn skip_corrupt<T>(records: impl Iterator<Item = Result<T, StoreError>>) -> Result<Vec<T>, StoreError> {
    let mut kept = Vec::with_capacity(records.size_hint().0);
    for record in records {
        match record {
            Ok(record) => kept.push(record),
            Err(error @ StoreError::Corrupt { .. }) => {
                tracing::error!(error = %Chain(&error), "a corrupt record is skipped");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(kept)
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
