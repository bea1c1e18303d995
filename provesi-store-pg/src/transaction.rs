//! A transaction of the caller's, which calls of the store share with the caller's own statements.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use provesi_core::StoreError;
use sqlx::postgres::{PgConnection, PgTransaction};
use sqlx::{Connection, Executor};
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard};
use tokio::time::timeout;
use tracing::Instrument;

use crate::error::{store_error, unconfirmed};
use crate::executor::{Call, TaskData};

/// How long a call waits until others are done with the transaction.
const LOCK_DEADLINE: Duration = Duration::from_millis(2_900);

/// A transaction of the caller's, from [`PgStore::begin`](crate::PgStore::begin). Handles are cheap to clone and share the
/// transaction. It is rolled back when the last one is dropped.
///
/// A failure that PostgreSQL answers by aborting the transaction, such as that of a read or of a statement of the caller's, ends
/// it: it is rolled back, and later calls and [`commit`](Self::commit) fail.
#[derive(Clone)]
pub struct SharedTransaction(Arc<Mutex<Option<PgTransaction<'static>>>>);

/// The connection of a [`SharedTransaction`]: a [`PgConnection`] for statements of the caller's. While this exists, calls of the
/// store wait.
pub struct Locked<'t>(MappedMutexGuard<'t, PgTransaction<'static>>);

/// Fails if the transaction is aborted.
const CHECK: &str = "SELECT 1";

impl SharedTransaction {
    pub(crate) fn new(transaction: PgTransaction<'static>) -> Self {
        Self(Arc::new(Mutex::new(Some(transaction))))
    }

    /// The connection, once no other call uses it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if that takes longer than 2.9 seconds, or the transaction has ended.
    pub async fn lock(&self) -> Result<Locked<'_>, StoreError> {
        let locked = timeout(LOCK_DEADLINE, self.0.lock()).await.map_err(|_elapsed| in_use())?;
        MutexGuard::try_map(locked, Option::as_mut).map(Locked).map_err(|_none| ended())
    }

    /// Commits the transaction. Later calls fail.
    ///
    /// # Errors
    /// - As [`lock`](Self::lock).
    /// - [`StoreError::Backend`] if a statement of the caller's failed and aborted the transaction, which is rolled back.
    /// - [`StoreError::OutcomeUnknown`] if the answer was lost: it may have been committed.
    pub async fn commit(&self) -> Result<(), StoreError> {
        let mut transaction = self.end().await?;
        // COMMIT of an aborted transaction rolls it back, and the driver does not report that.
        let checked = timeout(LOCK_DEADLINE, transaction.execute(CHECK)).await;
        checked.map_err(StoreError::unavailable)?.map_err(store_error)?;
        let committed = timeout(LOCK_DEADLINE, transaction.commit()).await;
        committed.map_err(StoreError::outcome_unknown)?.map_err(|error| unconfirmed(store_error(error)))
    }

    /// Rolls the transaction back. Later calls fail.
    ///
    /// # Errors
    /// As [`lock`](Self::lock); or if the server does not answer, and rolls it back once it notices that the connection is gone.
    pub async fn rollback(&self) -> Result<(), StoreError> {
        let rolled_back = timeout(LOCK_DEADLINE, self.end().await?.rollback()).await;
        rolled_back.map_err(StoreError::unavailable)?.map_err(store_error)
    }

    async fn end(&self) -> Result<PgTransaction<'static>, StoreError> {
        let locked = timeout(LOCK_DEADLINE, self.0.lock()).await;
        locked.map_err(|_elapsed| in_use())?.take().ok_or_else(ended)
    }

    /// Runs a call; a write in a savepoint, so that the transaction survives its failure. It is a task, which runs to its end when
    /// the caller is gone: dropped in the middle, the driver would no longer know what is open on the connection.
    pub(crate) async fn run<A: TaskData, T: TaskData>(
        &self,
        is_write: bool,
        deadline: Duration,
        arguments: A,
        call: Call<A, T>,
    ) -> Result<T, StoreError> {
        let locked = timeout(LOCK_DEADLINE, Arc::clone(&self.0).lock_owned()).await;
        let mut locked = locked.map_err(|_elapsed| in_use())?;
        let body = async move {
            // Taken out, so that it ends with a call that fails in the middle or panics.
            let mut transaction = locked.take().ok_or_else(ended)?;
            let called = async {
                if is_write {
                    write(&mut transaction, &arguments, call).await
                } else {
                    read(&mut transaction, &arguments, call).await
                }
            };
            let (result, is_usable) = timeout(deadline, called).await.map_err(StoreError::unavailable)?;
            if is_usable {
                *locked = Some(transaction);
            }
            result
        };
        let ended = tokio::spawn(body.in_current_span()).await;
        ended.unwrap_or_else(|_panic| Err(StoreError::unavailable("the driver panicked at an answer of the server")))
    }
}

/// What a read returns, and whether the transaction can go on.
async fn read<A, T>(
    transaction: &mut PgTransaction<'static>,
    arguments: &A,
    call: Call<A, T>,
) -> (Result<T, StoreError>, bool) {
    let result = call(transaction, arguments).await;
    let is_usable = result.is_ok() || transaction.execute(CHECK).await.is_ok();
    (result, is_usable)
}

/// Likewise for a write.
async fn write<A, T>(
    transaction: &mut PgTransaction<'static>,
    arguments: &A,
    call: Call<A, T>,
) -> (Result<T, StoreError>, bool) {
    let mut savepoint = match transaction.begin().await {
        Ok(savepoint) => savepoint,
        // The driver takes this for the end of the whole transaction.
        Err(error) => return (Err(store_error(error)), false),
    };
    match call(&mut savepoint, arguments).await {
        Ok(value) => match savepoint.commit().await {
            Ok(()) => (Ok(value), true),
            Err(error) => (Err(store_error(error)), false),
        },
        Err(error) => (Err(error), savepoint.rollback().await.is_ok()),
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
    StoreError::unavailable("the transaction has ended")
}

fn in_use() -> StoreError {
    StoreError::unavailable("the connection of the transaction is in use")
}
