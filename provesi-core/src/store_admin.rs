//! The set-up and the end of a store.

use std::fmt::Debug;

use async_trait::async_trait;

use crate::StoreError;

/// What a store offers to who runs it, whatever ports it has. Whether it answers is [`ping`](crate::OrderRepository::ping) of
/// each port.
#[async_trait]
pub trait StoreAdmin: Debug + Send + Sync + 'static {
    /// What [`migrate`](Self::migrate) would do, in words: a line for each thing that the database lacks.
    ///
    /// # Errors
    /// - [`StoreError::Backend`] if a newer version migrated the database, or something has a name of the store's and is
    ///   another.
    /// - [`StoreError::Unavailable`] if it does not answer.
    async fn pending_migrations(&self) -> Result<Vec<String>, StoreError>;

    /// Brings tables and indexes up to date. Does nothing if they are; several processes may call it at once, and others may
    /// read and write meanwhile. Records are left as they are.
    ///
    /// # Errors
    /// - [`StoreError::Backend`] as [`pending_migrations`](Self::pending_migrations), or if records have one unique value
    ///   in several letter cases: the source names the first of them.
    /// - [`StoreError::Unavailable`] if the database does not answer, or another process migrates it for too long. What was
    ///   done by then stays; the next call continues.
    async fn migrate(&self) -> Result<(), StoreError>;

    /// The first tables or collections of another program, if the database has some and none that the store knows. A store
    /// in such a place is more likely a wrong setting than meant.
    ///
    /// # Errors
    /// - [`StoreError::Unavailable`] if the database does not answer.
    async fn foreign_tables(&self) -> Result<Vec<String>, StoreError>;

    /// Waits for the calls that are running, some seconds at most, and closes the store, for other handles too: every later
    /// call gets [`StoreError::Unavailable`].
    async fn close(&self);
}
