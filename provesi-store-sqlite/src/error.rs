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
        E::Database(database) => match primary_code(&**database) {
            code if is_contention(code) => StoreError::unavailable(error),
            code => match degradation(code) {
                Some(reason) => StoreError::degraded(reason, error),
                None => StoreError::backend(error),
            },
        },
        _ => StoreError::backend(error),
    }
}

/// What an error of `COMMIT` means. SQLite rolls back where another connection is in the way or the disk is full; after any
/// other error the log may hold the transaction, and the next process that recovers the file may apply it.
pub(crate) fn commit_error(error: sqlx::Error) -> StoreError {
    const FULL: u32 = 13;
    let is_rolled_back = error
        .as_database_error()
        .is_some_and(|error| is_contention(primary_code(error)) || primary_code(error) == FULL);
    if is_rolled_back { store_error(error) } else { StoreError::outcome_unknown(error) }
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

/// Whether another connection, or a lack of memory, is in the way: `SQLITE_BUSY`, `LOCKED`, `NOMEM`, `INTERRUPT`,
/// `CANTOPEN` and `PROTOCOL` (<https://www.sqlite.org/rescode.html>).
const fn is_contention(primary: u32) -> bool {
    matches!(primary, 5 | 6 | 7 | 9 | 14 | 15)
}

/// What is wrong with the file or its disk, where the code says that: `SQLITE_READONLY`, `IOERR`, `CORRUPT`, `FULL`,
/// `NOTADB`.
const fn degradation(primary: u32) -> Option<&'static str> {
    match primary {
        8 => Some("read-only"),
        10 => Some("I/O error"),
        11 | 26 => Some("corrupt"),
        13 => Some("disk full"),
        _ => None,
    }
}

/// The primary result code of an error that SQLite reported.
pub(crate) fn result_code(error: &sqlx::Error) -> Option<u32> {
    error.as_database_error().map(primary_code)
}

/// SQLite's primary result code: the low byte of the extended one. 0 where there is none.
fn primary_code(error: &dyn DatabaseError) -> u32 {
    error.code().and_then(|code| code.parse::<u32>().ok()).map_or(0, |code| code & 0xff)
}

/// The failure of a transaction, for every caller that shared it.
#[derive(Clone, Debug)]
pub(crate) struct Shared(Arc<StoreError>);

impl Shared {
    pub(crate) fn new(error: StoreError) -> Self {
        Self(Arc::new(error))
    }

    pub(crate) fn to_store_error(&self) -> StoreError {
        match *self.0 {
            StoreError::Unavailable { .. } => StoreError::unavailable(self.clone()),
            StoreError::OutcomeUnknown { .. } => StoreError::outcome_unknown(self.clone()),
            StoreError::Degraded { reason, .. } => StoreError::degraded(reason, self.clone()),
            _ => StoreError::backend(self.clone()),
        }
    }

    /// Whether the transaction failed as a whole, and not because of one of its writes.
    pub(crate) fn is_of_the_store(&self) -> bool {
        self.0.is_transient() || matches!(*self.0, StoreError::OutcomeUnknown { .. })
    }

    /// The reason of a degraded store.
    pub(crate) fn degradation(&self) -> Option<&'static str> {
        match *self.0 {
            StoreError::Degraded { reason, .. } => Some(reason),
            _ => None,
        }
    }
}

impl fmt::Display for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the transaction that the write was part of failed")
    }
}

impl StdError for Shared {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        // The variant already carries the meaning.
        StdError::source(&*self.0)
    }
}
