//! The connections that read.

use std::ops::{Deref, DerefMut};

use provesi_core::StoreError;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{Sqlite, SqliteConnection, SqlitePool};

use crate::error::store_error;
use crate::health::Health;
use crate::transaction::{Locked, SharedTransaction};

/// A pool of connections, and what their failures say of the file.
#[derive(Clone, Debug)]
pub(crate) struct Readers {
    pub(crate) pool: SqlitePool,
    pub(crate) health: Health,
    /// The caller's, which sees its own changes: every read is made in it.
    pub(crate) transaction: Option<SharedTransaction>,
}

/// A connection that reads.
pub(crate) enum Reader<'r> {
    Pooled(PoolConnection<Sqlite>),
    OfTransaction(Locked<'r>),
}

impl Readers {
    pub(crate) async fn connection(&self) -> Result<Reader<'_>, StoreError> {
        self.connection_or(&self.pool).await
    }

    /// A connection of `pool`, unless there is a transaction of the caller's.
    pub(crate) async fn connection_or(&self, pool: &SqlitePool) -> Result<Reader<'_>, StoreError> {
        match &self.transaction {
            Some(transaction) => transaction.lock().await.map(Reader::OfTransaction),
            None => pool.acquire().await.map(Reader::Pooled).map_err(|error| self.failed(error)),
        }
    }

    /// What a failed read means to its caller. Damage that it met is remembered for `ping`.
    pub(crate) fn failed(&self, error: sqlx::Error) -> StoreError {
        let error = store_error(error);
        self.health.record(&error);
        error
    }
}

impl Deref for Reader<'_> {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        match self {
            Self::Pooled(connection) => connection,
            Self::OfTransaction(connection) => connection,
        }
    }
}

impl DerefMut for Reader<'_> {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        match self {
            Self::Pooled(connection) => connection,
            Self::OfTransaction(connection) => connection,
        }
    }
}
