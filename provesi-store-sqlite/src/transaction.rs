//! A transaction of the caller's, which calls of the store share with the caller's own statements.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use provesi_core::StoreError;
use sqlx::Connection;
use sqlx::sqlite::{SqliteConnection, SqliteTransaction};
use tokio::sync::{MappedMutexGuard, Mutex, MutexGuard};
use tokio::time::timeout;
use tracing::Instrument;

use crate::error::{commit_error, store_error};
use crate::file::OpenFile;
use crate::writer::Write;

/// How long a call waits until others are done with the transaction.
const LOCK_DEADLINE: Duration = Duration::from_millis(2_900);

/// A transaction of the caller's, from [`SqliteStore::begin`](crate::SqliteStore::begin). Handles are cheap to clone and share the
/// transaction. It is rolled back when the last one is dropped, and when SQLite rolls it back by itself, as it does if the disk is
/// full: later calls and [`commit`](Self::commit) fail then.
#[derive(Clone)]
pub struct SharedTransaction {
    transaction: Arc<Mutex<Option<SqliteTransaction<'static>>>>,
    file: OpenFile,
}

/// The connection of a [`SharedTransaction`]: an [`SqliteConnection`] for statements of the caller's. While this exists, calls of
/// the store wait.
pub struct Locked<'t>(MappedMutexGuard<'t, SqliteTransaction<'static>>);

/// A savepoint that exists as long as the transaction: SQLite rolls a transaction back by itself on some errors, and on `INSERT
/// OR ROLLBACK`, which the driver does not notice. After that, each statement would commit by itself.
const MARK: &str = "SAVEPOINT provesi_transaction";
const RENEW_MARK: &str = "RELEASE provesi_transaction; SAVEPOINT provesi_transaction";

impl SharedTransaction {
    pub(crate) async fn new(mut transaction: SqliteTransaction<'static>, file: OpenFile) -> Result<Self, StoreError> {
        sqlx::raw_sql(MARK).execute(&mut *transaction).await.map_err(store_error)?;
        Ok(Self { transaction: Arc::new(Mutex::new(Some(transaction))), file })
    }

    /// The connection, once no other call uses it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if that takes longer than 2.9 seconds, or the transaction has ended.
    pub async fn lock(&self) -> Result<Locked<'_>, StoreError> {
        let locked = timeout(LOCK_DEADLINE, self.transaction.lock()).await.map_err(|_elapsed| in_use())?;
        MutexGuard::try_map(locked, Option::as_mut).map(Locked).map_err(|_none| ended())
    }

    /// Commits the transaction. Later calls fail.
    ///
    /// # Errors
    /// - As [`lock`](Self::lock).
    /// - [`StoreError::Degraded`] if the file is no longer at its path, or cannot be written. The transaction is rolled back.
    /// - [`StoreError::OutcomeUnknown`] if the disk failed in the middle.
    pub async fn commit(&self) -> Result<(), StoreError> {
        let mut transaction = self.end().await?;
        sqlx::raw_sql(RENEW_MARK).execute(&mut *transaction).await.map_err(store_error)?;
        self.file.check_with_log()?;
        transaction.commit().await.map_err(commit_error)
    }

    /// Rolls the transaction back. Later calls fail.
    ///
    /// # Errors
    /// As [`lock`](Self::lock).
    pub async fn rollback(&self) -> Result<(), StoreError> {
        self.end().await?.rollback().await.map_err(store_error)
    }

    async fn end(&self) -> Result<SqliteTransaction<'static>, StoreError> {
        let locked = timeout(LOCK_DEADLINE, self.transaction.lock()).await;
        locked.map_err(|_elapsed| in_use())?.take().ok_or_else(ended)
    }

    /// Runs a write in a savepoint, so that the transaction survives its failure. It is a task, which runs to its end when the
    /// caller is gone: dropped in the middle, the driver would no longer know what is open on the connection.
    pub(crate) async fn write<W: Write>(&self, write: W) -> Result<W::Output, StoreError> {
        let locked = timeout(LOCK_DEADLINE, Arc::clone(&self.transaction).lock_owned()).await;
        let mut locked = locked.map_err(|_elapsed| in_use())?;
        let body = async move {
            // Taken out, so that it ends where what is open on the connection is not known.
            let mut transaction = locked.take().ok_or_else(ended)?;
            sqlx::raw_sql(RENEW_MARK).execute(&mut *transaction).await.map_err(store_error)?;
            let mut savepoint = transaction.begin().await.map_err(store_error)?;
            let result = write.run(&mut savepoint).await;
            let settled = if result.is_ok() { savepoint.commit().await } else { savepoint.rollback().await };
            match (result, settled) {
                (result, Ok(())) => {
                    *locked = Some(transaction);
                    result
                }
                (Ok(_), Err(error)) => Err(store_error(error)),
                (Err(error), Err(_)) => Err(error),
            }
        };
        tokio::spawn(body.in_current_span()).await.unwrap_or_else(|panic| Err(StoreError::unavailable(panic)))
    }
}

impl fmt::Debug for SharedTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedTransaction").finish_non_exhaustive()
    }
}

impl Deref for Locked<'_> {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.0
    }
}

impl DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
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
