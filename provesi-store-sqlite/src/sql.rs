//! Small things that statements share.

use provesi_core::StoreError;
use serde::Serialize;

/// What `json_each` unfolds: how a statement with one text takes any number of values.
pub(crate) fn json<T: Serialize + ?Sized>(values: &T) -> Result<String, StoreError> {
    serde_json::to_string(values).map_err(StoreError::backend)
}

/// A number of rows. All of ours are small. What is asked often says `LIMIT ?1 + 0`: with a parameter alone, SQLite looks at its value
/// and plans the statement anew at each call.
pub(crate) fn limit(rows: usize) -> i64 {
    i64::try_from(rows).unwrap_or(i64::MAX)
}

/// The most ids that one statement is asked for.
pub(crate) const CHUNK: usize = 1_000;
