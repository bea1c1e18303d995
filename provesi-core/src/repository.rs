//! What the conveniences of both repositories share.

use crate::{Chain, StoreError};

/// How often a write is tried again after another writer was faster. Each lost attempt is the success of another writer, so
/// this is how many writers may overtake one.
pub(crate) const EDIT_ATTEMPTS: usize = 64;

/// The outcome of a call with one key or one write.
pub(crate) fn only<T>(outcomes: Vec<Result<T, StoreError>>) -> Result<T, StoreError> {
    let first = outcomes.into_iter().next();
    first.unwrap_or_else(|| Err(StoreError::backend("the store returned no outcome for a call")))
}

/// The records of the rows that exist. A row that breaks the rules of the domain is left out and logged, so that it does
/// not take the others with it.
///
/// # Errors
/// Those of the store.
pub(crate) fn records<R, T: TryFrom<R, Error = StoreError>>(
    rows: Vec<Result<Option<R>, StoreError>>,
) -> Result<Vec<T>, StoreError> {
    let mut records = Vec::with_capacity(rows.len());
    for row in rows {
        match row.and_then(|row| row.map(T::try_from).transpose()) {
            Ok(record) => records.extend(record),
            Err(error @ StoreError::Corrupt { .. }) => {
                tracing::error!(error = %Chain(&error), "a corrupt record is skipped");
            }
            Err(error) => return Err(error),
        }
    }
    Ok(records)
}
