//! The one mapping from what the driver says to what the ports say.

use provesi_core::{StoreError, UniqueField};
use sqlx::error::{DatabaseError, ErrorKind};

use crate::health;

/// Maps an error of a statement, unless the statement knows better (see [`write_error`]).
pub(crate) fn store_error(error: sqlx::Error) -> StoreError {
    use sqlx::Error as E;
    match &error {
        E::ColumnDecode { .. } | E::Decode(_) => StoreError::corrupt(error),
        E::Io(_) | E::Tls(_) | E::Protocol(_) | E::BeginFailed | E::PoolTimedOut | E::PoolClosed | E::WorkerCrashed => {
            StoreError::unavailable(error)
        }
        E::Database(database) => match &*sqlstate(&**database) {
            "25006" => StoreError::degraded(health::READ_ONLY, error),
            "53100" => StoreError::degraded(health::DISK_FULL, error),
            "XX001" | "XX002" => StoreError::degraded(health::CORRUPT, error),
            state if is_transient(state) => StoreError::unavailable(error),
            _ => StoreError::backend(error),
        },
        _ => StoreError::backend(error),
    }
}

/// Maps an error of a connection that could not be made. Whatever a server in trouble, or a proxy without one, does
/// instead of answering passes. What a server that understood us refuses, such as the password, does not.
pub(crate) fn connect_error(error: sqlx::Error) -> StoreError {
    match &error {
        // Without a SQLSTATE, it is no server that speaks.
        sqlx::Error::Database(database) if !sqlstate(&**database).is_empty() => store_error(error),
        sqlx::Error::Configuration(_) => store_error(error),
        _ => StoreError::unavailable(error),
    }
}

/// The error of a write after which it may have been made: no answer that says otherwise arrived.
pub(crate) fn unconfirmed(error: StoreError) -> StoreError {
    let is_unconfirmed = match driver_error(&error) {
        Some(sqlx::Error::Database(database)) => {
            let state = sqlstate(&**database);
            state.starts_with("08") || matches!(&*state, "40003" | "57P01" | "57P02")
        }
        Some(_) => true,
        None => false,
    };
    match error {
        StoreError::Unavailable { source } | StoreError::Backend { source } | StoreError::Corrupt { source }
            if is_unconfirmed =>
        {
            StoreError::OutcomeUnknown { source }
        }
        error => error,
    }
}

/// Whether the connection may be used again after a call that ended with this error. Not when it is broken, when the
/// statements that it has prepared no longer fit, or when it leads to a server that is no longer the primary.
pub(crate) fn allows_reuse(error: &StoreError) -> bool {
    if matches!(error, StoreError::Degraded { reason: health::READ_ONLY, .. }) {
        return false;
    }
    match driver_error(error) {
        None | Some(sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::RowNotFound) => true,
        Some(sqlx::Error::Database(database)) => {
            let state = sqlstate(&**database);
            !(matches!(state.get(..2), Some("08" | "XX" | "58"))
                || state.starts_with("57P")
                || matches!(&*state, "0A000" | "26000" | "34000" | "42P05"))
        }
        Some(_) => false,
    }
}

/// Maps an error of a write. `unique` names the constraints and indexes that keep a field unique, by the start of their
/// names.
pub(crate) fn write_error(error: sqlx::Error, unique: &[(&str, UniqueField)]) -> StoreError {
    let violated = error.as_database_error().filter(|error| error.kind() == ErrorKind::UniqueViolation);
    let constraint = violated.and_then(|error| error.constraint());
    let field = constraint.and_then(|name| unique.iter().find(|(known, _)| name.starts_with(known)));
    match field {
        Some(&(_, field)) => StoreError::AlreadyExists { field },
        None => store_error(error),
    }
}

/// Whether the server rolled a statement back for a reason that may lie in one of its rows, so that a statement of other rows
/// may succeed: cardinality, data, integrity, triggers, conflicts, size limits, lock timeouts,
/// corrupt pages.
pub(crate) fn may_be_of_one_row(error: &StoreError) -> bool {
    let state = sqlstate_of(error);
    matches!(error, StoreError::AlreadyExists { .. })
        || matches!(state.get(..2), Some("21" | "22" | "23" | "38" | "39" | "40" | "44" | "54" | "55" | "P0" | "XX"))
            && state != "40003"
        // `out of shared memory`: too many locks.
        || state == "53200"
}

/// Whether a statement ended because it waited too long for a lock.
pub(crate) fn is_lock_timeout(error: &StoreError) -> bool {
    sqlstate_of(error) == "55P03"
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
        StoreError::Unavailable { source }
        | StoreError::OutcomeUnknown { source }
        | StoreError::Degraded { source, .. }
        | StoreError::Corrupt { source }
        | StoreError::Backend { source } => source.downcast_ref(),
        _ => None,
    }
}

fn sqlstate(error: &dyn DatabaseError) -> String {
    error.code().map(Into::into).unwrap_or_default()
}

/// Whether the condition passes (<https://www.postgresql.org/docs/current/errcodes-appendix.html>): connections (08),
/// conflicting transactions (40), resources such as connections and memory (53), a server that shuts down, starts or
/// cancels a long statement (57), input and output (58), a lock timeout, a transaction that was idle for too long.
fn is_transient(sqlstate: &str) -> bool {
    matches!(sqlstate.get(..2), Some("08" | "40" | "53" | "58"))
        || matches!(sqlstate, "57014" | "57P01" | "57P02" | "57P03" | "57P05" | "55P03" | "25P03" | "25P04")
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
        for state in ["40001", "40P01", "57P01", "57P03", "57014", "53300", "55P03", "08006"] {
            assert!(is_transient(state), "{state}");
        }
        for state in ["", "23505", "42P01", "28P01", "3D000", "42501", "22P02"] {
            assert!(!is_transient(state), "{state}");
        }
    }

    #[test]
    fn any_failure_to_connect_is_unavailable() {
        let strange = || sqlx::Error::Protocol("unexpected response from SSLRequest: 0x48".into());
        for error in [strange(), sqlx::Error::Tls("no".into()), sqlx::Error::Io(io::ErrorKind::UnexpectedEof.into())] {
            assert!(connect_error(error).is_transient());
        }
        assert!(!connect_error(sqlx::Error::Configuration("no".into())).is_transient());
    }

    #[test]
    fn a_write_whose_connection_broke_is_unconfirmed_and_a_refused_one_is_not() {
        let broken = store_error(sqlx::Error::Io(io::ErrorKind::BrokenPipe.into()));
        assert!(!allows_reuse(&broken));
        assert!(matches!(unconfirmed(broken), StoreError::OutcomeUnknown { .. }));
        assert!(matches!(unconfirmed(StoreError::VersionConflict), StoreError::VersionConflict));
        assert!(allows_reuse(&StoreError::VersionConflict));
    }
}
