//! Migrating and closing a store.

use std::fmt::Debug;

use async_trait::async_trait;

use crate::{StoreError, StoreId};

/// The most lines that [`StoreAdmin::conflicts`] returns, beside the last one.
pub const MAX_CONFLICTS: usize = 1_000;

/// Migrates and closes a store, whatever ports it has. For whether it answers, each port has a
/// [`ping`](crate::OrderRepository::ping).
#[async_trait]
pub trait StoreAdmin: Debug + Send + Sync + 'static {
    /// What [`migrate`](Self::migrate) would do, in words: a line for each table, column or index that is missing.
    ///
    /// # Errors
    /// - [`StoreError::Backend`] if a newer version migrated the database, or it has an index with a name of the store's and
    ///   another definition.
    /// - [`StoreError::Unavailable`] if it does not answer.
    async fn pending_migrations(&self) -> Result<Vec<String>, StoreError>;

    /// Creates missing tables, columns and indexes. Records are left as they are. Several processes may call this at the
    /// same time, while others read and write.
    ///
    /// # Errors
    /// - [`StoreError::Backend`] as [`pending_migrations`](Self::pending_migrations), or if records have one unique value
    ///   in several letter cases: the source names the first of them.
    /// - [`StoreError::Unavailable`] if the database does not answer, or another process migrates it for too long. What is
    ///   done stays, and the next call does the rest.
    async fn migrate(&self) -> Result<(), StoreError>;

    /// The records that [`migrate`](Self::migrate) refuses: those of another program with a unique value that differs from another
    /// one in letter case only. A line for each such value, with the ids of the first records that have it; at most
    /// [`MAX_CONFLICTS`] lines, and one for the rest. Takes time in proportion to the table. None by default: a store that no
    /// other program writes to has none.
    ///
    /// # Errors
    /// - [`StoreError::Unavailable`] if the database does not answer.
    async fn conflicts(&self) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }

    /// The id of the store, which [`migrate`](Self::migrate) gives it once and for all. `None` before that, and of a store of
    /// audit records alone.
    ///
    /// # Errors
    /// - [`StoreError::Unavailable`] if the database does not answer.
    async fn identify(&self) -> Result<Option<StoreId>, StoreError>;

    /// The names of some tables or collections, if the database has any and none is the store's. Such a database is more
    /// likely a wrong setting than the right place for records.
    ///
    /// # Errors
    /// - [`StoreError::Unavailable`] if the database does not answer.
    async fn foreign_tables(&self) -> Result<Vec<String>, StoreError>;

    /// Waits some seconds for running calls, then closes the store and every clone of it: later calls return
    /// [`StoreError::Unavailable`].
    async fn close(&self);
}
