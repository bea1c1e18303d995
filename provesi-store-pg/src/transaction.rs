//! A transaction of the caller's, which calls of the store share with the caller's own statements.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use provesi_core::StoreError;
use sqlx::Connection;
use sqlx::postgres::{PgConnection, PgTransaction};
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard};
use tokio::time::timeout;
use tracing::Instrument;

use crate::error::store_error;
use crate::executor::Call;

/// How long a call waits until others are done with the transaction.
const LOCK_DEADLINE: Duration = Duration::from_millis(2_900);

/// A transaction of the caller's, in which [`PgStore::in_transaction`](crate::PgStore::in_transaction) makes its calls. Handles
/// are cheap to clone and share the transaction. It is rolled back when the last one is dropped.
#[derive(Clone)]
pub struct SharedTransaction(Arc<Mutex<Option<PgTransaction<'static>>>>);

/// The connection of a [`SharedTransaction`]: a [`PgConnection`] for statements of the caller's. While this exists, calls of the
/// store wait.
pub struct Locked<'t>(MappedMutexGuard<'t, PgTransaction<'static>>);

impl SharedTransaction {
    /// Shares a transaction that has begun, at the isolation level `read committed`.
    #[must_use]
    pub fn new(transaction: PgTransaction<'static>) -> Self {
        Self(Arc::new(Mutex::new(Some(transaction))))
    }

    /// The connection, once no other call uses it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if that takes longer than 2.9 seconds, or the transaction was [taken](Self::take).
    pub async fn lock(&self) -> Result<Locked<'_>, StoreError> {
        let locked = timeout(LOCK_DEADLINE, self.0.lock()).await.map_err(|_elapsed| in_use())?;
        MutexGuard::try_map(locked, Option::as_mut).map(Locked).map_err(|_taken| ended())
    }

    /// Takes the transaction back, to commit it or to roll it back. Later calls fail. An error of `commit` may mean that the
    /// transaction was committed and the answer was lost.
    ///
    /// # Errors
    /// As [`lock`](Self::lock).
    pub async fn take(&self) -> Result<PgTransaction<'static>, StoreError> {
        let locked = timeout(LOCK_DEADLINE, self.0.lock()).await;
        locked.map_err(|_elapsed| in_use())?.take().ok_or_else(ended)
    }

    /// Runs a call; a write in a savepoint, so that the transaction survives its failure. It is a task, which runs to its end when
    /// the caller is gone: dropped in the middle, the driver would no longer know what is open on the connection.
    pub(crate) async fn run<A, T>(&self, is_write: bool, arguments: A, call: Call<A, T>) -> Result<T, StoreError>
    where
        A: Send + Sync + 'static,
        T: Send + 'static,
    {
        let locked = timeout(LOCK_DEADLINE, Arc::clone(&self.0).lock_owned()).await;
        let mut locked = locked.map_err(|_elapsed| in_use())?;
        let body = async move {
            let transaction = locked.as_mut().ok_or_else(ended)?;
            if !is_write {
                return call(transaction, &arguments).await;
            }
            let mut savepoint = transaction.begin().await.map_err(store_error)?;
            let value = call(&mut savepoint, &arguments).await?;
            savepoint.commit().await.map_err(store_error)?;
            Ok(value)
        };
        let ended = tokio::spawn(body.in_current_span()).await;
        ended.unwrap_or_else(|_panic| Err(StoreError::unavailable("the driver panicked at an answer of the server")))
    }
}

impl fmt::Debug for SharedTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedTransaction").finish_non_exhaustive()
    }
}

impl Deref for Locked<'_> {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.0
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.0
    }
}

impl fmt::Debug for Locked<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Locked").finish_non_exhaustive()
    }
}

fn ended() -> StoreError {
    StoreError::unavailable("the transaction was taken back by the caller")
}

fn in_use() -> StoreError {
    StoreError::unavailable("the connection of the transaction is in use")
}
