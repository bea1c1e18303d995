//! Connections that calls borrow from the pool. A connection returns to the pool only when its call ran to completion; any
//! other one is closed, so that the server rolls back what is open on it.

use std::io::ErrorKind;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, Postgres, Row};
use tokio::time::timeout;

/// How long a connection may take to return to the pool. sqlx waits for an answer of the server without a limit.
const RETURN_TIMEOUT: Duration = Duration::from_secs(1);

/// Whether a statement is the first of its transaction. It must go by the simple protocol, where both are the moment at
/// which the statement arrived.
const OUTSIDE_TRANSACTION: &str = "SELECT now() = statement_timestamp()";

tokio::task_local! {
    /// Set while a [`Lease`] returns its connection, which is known to have no open transaction.
    static SETTLED: ();
}

/// A connection of the pool. It is closed when this is dropped: by a deadline, a cancellation or a panic.
pub(crate) struct Lease {
    /// `None` once the connection has left.
    connection: Option<PoolConnection<Postgres>>,
}

const EXPECT: &str = "the connection leaves only when the lease is consumed";

impl Lease {
    pub(crate) const fn new(connection: PoolConnection<Postgres>) -> Self {
        Self { connection: Some(connection) }
    }

    /// The connection, whose life is the caller's concern from here on.
    pub(crate) fn into_connection(mut self) -> PoolConnection<Postgres> {
        self.connection.take().expect(EXPECT)
    }

    /// Returns the connection to the pool, in a task of its own.
    pub(crate) fn release(mut self) {
        if let Some(mut connection) = self.connection.take() {
            let returned = SETTLED.scope((), connection.return_to_pool());
            // A connection that does not return in time is dropped with the future, and so closed.
            tokio::spawn(async move { timeout(RETURN_TIMEOUT, returned).await.ok() });
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            drop(connection.detach());
        }
    }
}

impl Deref for Lease {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        self.connection.as_ref().expect(EXPECT)
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.connection.as_mut().expect(EXPECT)
    }
}

/// Whether a connection that returns to the pool may be used again. What a [`Lease`] returns may. Anything else was used
/// by the embedding application: when its future is dropped during BEGIN, sqlx 0.9.0 does not know of the transaction and
/// does not roll it back, so the server is asked.
///
/// # Errors
/// When the connection does not answer, or its transaction has failed.
pub(crate) async fn is_reusable(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    if SETTLED.try_with(|&()| ()).is_ok() {
        return Ok(true);
    }
    let answer = timeout(RETURN_TIMEOUT, sqlx::raw_sql(OUTSIDE_TRANSACTION).fetch_one(connection)).await;
    answer.map_err(|_| sqlx::Error::Io(ErrorKind::TimedOut.into()))??.try_get(0)
}
