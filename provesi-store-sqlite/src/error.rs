//! The one mapping from what the driver says to what the ports say.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use provesi_core::StoreError;
use sqlx::error::{DatabaseError, ErrorKind};

/// What a driver's error means to a caller, unless the statement knows better (see [`is_unique_violation`]).
pub(crate) fn store_error(error: sqlx::Error) -> StoreError {
    use sqlx::Error as E;
    match &error {
        E::ColumnDecode { .. } | E::Decode(_) => StoreError::corrupt(error),
        E::Io(_) | E::PoolTimedOut | E::PoolClosed | E::WorkerCrashed => StoreError::unavailable(error),
        E::Database(database) if passes_by_itself(primary_code(&**database)) => StoreError::unavailable(error),
        _ => StoreError::backend(error),
    }
}

/// Whether the statement was refused because a row of it is not unique. Which field that is follows from the
/// statement: none of ours can violate two constraints where this is asked.
pub(crate) fn is_unique_violation(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| error.kind() == ErrorKind::UniqueViolation)
}

/// Whether another connection is in the way: `SQLITE_BUSY` or `SQLITE_LOCKED`.
pub(crate) fn is_busy(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| matches!(primary_code(error), 5 | 6))
}

/// Whether the file is not as SQLite wrote it: `SQLITE_CORRUPT`.
pub(crate) fn is_damage(error: &sqlx::Error) -> bool {
    error.as_database_error().is_some_and(|error| primary_code(error) == 11)
}

/// Whether the error may be gone a little later: `SQLITE_BUSY`, `LOCKED`, `NOMEM`, `INTERRUPT`, `IOERR`, `FULL`,
/// `CANTOPEN` and `PROTOCOL` (<https://www.sqlite.org/rescode.html>).
const fn passes_by_itself(primary: u32) -> bool {
    matches!(primary, 5 | 6 | 7 | 9 | 10 | 13 | 14 | 15)
}

/// SQLite's primary result code: the low byte of the extended one. 0 where there is none.
fn primary_code(error: &dyn DatabaseError) -> u32 {
    error.code().and_then(|code| code.parse::<u32>().ok()).map_or(0, |code| code & 0xff)
}

/// One failure that several callers are told of: what ended a transaction that they shared.
#[derive(Clone, Debug)]
pub(crate) struct Shared(Arc<StoreError>);

impl Shared {
    pub(crate) fn new(error: StoreError) -> Self {
        Self(Arc::new(error))
    }

    pub(crate) fn to_store_error(&self) -> StoreError {
        match *self.0 {
            StoreError::Unavailable { .. } => StoreError::unavailable(self.clone()),
            _ => StoreError::backend(self.clone()),
        }
    }

    pub(crate) fn is_transient(&self) -> bool {
        self.0.is_transient()
    }
}

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the transaction that the write was part of failed")
    }
}

impl StdError for Shared {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        // The meaning is told already; what lies below it is the news.
        StdError::source(&*self.0)
    }
}
