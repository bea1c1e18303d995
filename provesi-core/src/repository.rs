//! What the conveniences of both repositories share.

use crate::records::skip_corrupt;
use crate::{Page, Record, StoreError, Stored};

/// How often a write is tried again after another writer was faster. Each lost attempt is the success of another writer, so
/// this is how many writers may overtake one.
pub(crate) const EDIT_ATTEMPTS: usize = 64;

/// The outcome of a call with one key or one write.
pub(crate) fn only<T>(outcomes: Vec<Result<T, StoreError>>) -> Result<T, StoreError> {
    let first = outcomes.into_iter().next();
    first.unwrap_or_else(|| Err(StoreError::backend("the store returned no outcome for a call")))
}

/// The page of the records that are valid. Irregular ones are skipped and logged.
pub(crate) fn valid_page<R: Record, C>(page: Page<R::Row, C>) -> Page<R, C> {
    // The only error of a row is that it is irregular, which is skipped.
    page.with_items(|rows| skip_corrupt(rows.into_iter().map(|row| Stored::new(row).valid())).unwrap_or_default())
}
