//! How connections to a store's database are to be set up.

use std::time::Duration;

use provesi_core::StoreError;
use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

use crate::{lease, pooler};

/// How long a call takes at most.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadlines {
    pub(crate) call: Duration,
    /// For what takes time in proportion to the table.
    pub(crate) scan: Duration,
}

impl Deadlines {
    pub(crate) const DEFAULT: Self = Self { call: Duration::from_millis(2_900), scan: Duration::from_secs(30) };
}

/// How long PostgreSQL works on a statement, and how long it lets one wait for a lock. Below [`Deadlines::call`], so that
/// the caller gets PostgreSQL's reason, and PostgreSQL stops work that nobody waits for.
const STATEMENT_TIMEOUT_MS: &str = "2500";
pub(crate) const LOCK_TIMEOUT: Duration = Duration::from_secs(2);

/// How long PostgreSQL keeps a transaction, and with it its locks, when its client sends nothing.
const IDLE_IN_TRANSACTION_MS: &str = "10000";

/// How long a caller waits for a connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(2);

/// A connection that was not used for so long is asked whether it still works before it is: that costs a round trip,
/// and the server may have been restarted. One in use all the time shows it by itself.
const TRUSTED_FOR: Duration = Duration::from_millis(500);

/// How a connection to the database at `url` (`postgres://USER:PASSWORD@HOST:PORT/DATABASE`) is to be set up:
/// `statement_timeout`, `lock_timeout`, `idle_in_transaction_session_timeout`, the isolation level `read committed`, no
/// just-in-time compilation, a marker by which a pooler is noticed, and an `application_name` when the URL has none.
///
/// # Errors
/// - [`StoreError::Backend`] where `url` is none. Says nothing of it: it may hold a password.
pub fn connect_options(url: &str) -> Result<PgConnectOptions, StoreError> {
    let options: PgConnectOptions =
        url.parse().map_err(|_| StoreError::backend("not the URL of a PostgreSQL database"))?;
    let options = match options.get_application_name() {
        Some(_) => options,
        None => options.application_name("provesi"),
    };
    let lock_timeout = LOCK_TIMEOUT.as_millis().to_string();
    Ok(options.options([
        ("statement_timeout", STATEMENT_TIMEOUT_MS),
        ("lock_timeout", lock_timeout.as_str()),
        ("idle_in_transaction_session_timeout", IDLE_IN_TRANSACTION_MS),
        // A write that waited for a lock has to see what was committed meanwhile.
        ("default_transaction_isolation", "read committed"),
        // Compiling a statement takes longer than any of ours does.
        ("jit", "off"),
        pooler::MARKER,
    ]))
}

/// A pool of at most `connections`, each opened when it is first needed. A caller waits for a free one for two seconds. A
/// connection that returns with an open transaction is closed.
#[must_use]
pub fn pool_options(connections: u32) -> PgPoolOptions {
    PgPoolOptions::new()
        .max_connections(connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .before_acquire(|connection, metadata| {
            Box::pin(async move {
                if metadata.idle_for > TRUSTED_FOR {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .after_release(|connection, _| Box::pin(lease::is_reusable(connection)))
}
