//! The one mapping from what the driver says to what the ports say.

use provesi_core::StoreError;
use sqlx::error::{DatabaseError, ErrorKind};

use crate::health;

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

/// What an error of `COMMIT` means. SQLite writes the mark of the commit last: if it could not write, or refused to, the
/// transaction is not there. After any other error, such as one of `fsync`, the log may hold the transaction, and the next
/// process that recovers the file may apply it.
pub(crate) fn commit_error(error: sqlx::Error) -> StoreError {
    const IOERR_WRITE: u32 = 778;
    let is_rolled_back = error.as_database_error().is_some_and(|error| match extended_code(error) {
        0 => false,
        IOERR_WRITE => true,
        // SQLITE_NOMEM and SQLITE_IOERR.
        code => !matches!(code & 0xff, 7 | 10),
    });
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
        8 => Some(health::READ_ONLY),
        10 => Some(health::IO_ERROR),
        11 | 26 => Some(health::CORRUPT),
        13 => Some(health::DISK_FULL),
        _ => None,
    }
}

/// The primary result code of an error that SQLite reported.
pub(crate) fn result_code(error: &sqlx::Error) -> Option<u32> {
    error.as_database_error().map(primary_code)
}

/// SQLite's primary result code: the low byte of the extended one. 0 where there is none.
fn primary_code(error: &dyn DatabaseError) -> u32 {
    extended_code(error) & 0xff
}

fn extended_code(error: &dyn DatabaseError) -> u32 {
    error.code().and_then(|code| code.parse().ok()).unwrap_or(0)
}

/// Whether a transaction failed as a whole, and not because of one of its writes, as one that meets a damaged page.
pub(crate) fn is_of_the_store(failure: &StoreError) -> bool {
    match failure {
        StoreError::Degraded { reason, .. } => *reason != health::CORRUPT,
        StoreError::OutcomeUnknown { .. } => true,
        failure => failure.is_transient(),
    }
}
