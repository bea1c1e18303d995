//! The one mapping from what the driver says to what the ports say.

use provesi_core::StoreError;
use sqlx::error::{DatabaseError, ErrorKind};

/// What a driver's error means to a caller, unless the statement knows better (see [`violates`]).
pub(crate) fn store_error(error: sqlx::Error) -> StoreError {
    use sqlx::Error as E;
    match &error {
        E::ColumnDecode { .. } | E::Decode(_) => StoreError::corrupt(error),
        E::Io(_) | E::PoolTimedOut | E::PoolClosed | E::WorkerCrashed => StoreError::unavailable(error),
        E::Database(database) if passes_by_itself(&sqlstate(&**database)) => StoreError::unavailable(error),
        _ => StoreError::backend(error),
    }
}

/// Whether the statement was refused because a row would not be unique by a constraint or index whose name starts so.
pub(crate) fn violates(error: &sqlx::Error, constraints: &[&str]) -> bool {
    error.as_database_error().is_some_and(|error| {
        error.kind() == ErrorKind::UniqueViolation
            && error.constraint().is_some_and(|name| constraints.iter().any(|known| name.starts_with(known)))
    })
}

/// Whether PostgreSQL undid the transaction because of another one, so that the same again may go through at once:
/// `serialization_failure` or `deadlock_detected`.
pub(crate) fn is_conflict(error: &StoreError) -> bool {
    matches!(sqlstate_of(error).as_str(), "40001" | "40P01")
}

/// Whether the connection broke, so that another one may do.
pub(crate) fn is_lost(error: &StoreError) -> bool {
    match driver_error(error) {
        Some(sqlx::Error::Io(_) | sqlx::Error::WorkerCrashed) => true,
        Some(_) => matches!(sqlstate_of(error).as_str(), "57P01" | "57P02" | "57P05"),
        None => false,
    }
}

/// The SQLSTATE of what the server said; empty where it was not the server.
pub(crate) fn sqlstate_of(error: &StoreError) -> String {
    driver_error(error).and_then(sqlx::Error::as_database_error).map(sqlstate).unwrap_or_default()
}

fn driver_error(error: &StoreError) -> Option<&sqlx::Error> {
    match error {
        StoreError::Unavailable { source } | StoreError::Backend { source } => source.downcast_ref(),
        _ => None,
    }
}

fn sqlstate(error: &dyn DatabaseError) -> String {
    error.code().map(Into::into).unwrap_or_default()
}

/// Whether the error may be gone a little later (<https://www.postgresql.org/docs/current/errcodes-appendix.html>):
/// connections (08), a transaction in the way (40), resources such as connections, memory and disk (53), the server
/// going down, coming up or ending the statement for its length (57), faults of its disk (58); a lock not had in time,
/// a server that takes no writes because another one does since, and a transaction ended because nobody went on with it.
fn passes_by_itself(sqlstate: &str) -> bool {
    matches!(sqlstate.get(..2), Some("08" | "40" | "53" | "58"))
        || matches!(sqlstate, "57014" | "57P01" | "57P02" | "57P03" | "57P05" | "55P03" | "25006" | "25P03" | "25P04")
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn what_the_pool_and_the_network_say_is_unavailable() {
        for error in [sqlx::Error::PoolTimedOut, sqlx::Error::PoolClosed, sqlx::Error::WorkerCrashed] {
            assert!(store_error(error).is_transient());
        }
        let reset = || store_error(sqlx::Error::Io(io::ErrorKind::ConnectionReset.into()));
        assert!(reset().is_transient() && is_lost(&reset()) && !is_conflict(&reset()));
        assert!(matches!(store_error(sqlx::Error::RowNotFound), StoreError::Backend { .. }));
        assert!(matches!(store_error(sqlx::Error::Decode("no".into())), StoreError::Corrupt { .. }));
    }

    #[test]
    fn states_are_told_apart() {
        for state in ["40001", "40P01", "57P01", "57P03", "57014", "53300", "55P03", "08006", "25006"] {
            assert!(passes_by_itself(state), "{state}");
        }
        for state in ["", "23505", "42P01", "28P01", "3D000", "42501", "22P02"] {
            assert!(!passes_by_itself(state), "{state}");
        }
    }
}
