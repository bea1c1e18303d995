//! The store: its pool and its life.

use std::fmt;

use provesi_core::StoreError;
use sqlx::postgres::PgPool;

use crate::error::store_error;
use crate::{contents, migrations, options, patience};

/// Orders, clients, history and the audit trail in one PostgreSQL database.
///
/// Handles are cheap to clone and share the pool.
#[derive(Clone)]
pub struct PgStore {
    pub(crate) pool: PgPool,
}

impl PgStore {
    /// A store over the caller's pool. See [`connect_options`](crate::connect_options) and
    /// [`pool_options`](crate::pool_options) for how it is to be set up. Nothing is read or written yet.
    #[must_use]
    pub const fn new(pool: PgPool) -> Self {
        Self { pool }
    }

    /// A store over the database at `url`: [`new`](Self::new) with this crate's options and at most `connections`.
    /// Nothing is connected yet, so that a server may start before its database, and no migration is run.
    ///
    /// # Errors
    /// - [`StoreError::Backend`] where `url` is none.
    ///
    /// # Panics
    /// Outside a tokio runtime: the pool has a task.
    pub fn open(url: &str, connections: u32) -> Result<Self, StoreError> {
        let options = options::connect_options(url)?;
        Ok(Self::new(options::pool_options(connections).connect_lazy_with(options)))
    }

    /// The pool, for transactions of the caller's, see [`in_transaction`](crate::in_transaction).
    #[must_use]
    pub const fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Brings the database's schema up to date: on an empty database, and on one that the Python system works on at the
    /// same time. Does nothing where it is; several processes may call it at once. Takes a connection out of the pool,
    /// and closes it afterwards.
    ///
    /// # Errors
    /// - [`StoreError::Backend`] where two orders have numbers that differ in letter case only, which are named;
    ///   where `orders_order` is not the table that it should be; where the user lacks a right. Nothing was changed.
    /// - [`StoreError::Backend`] where a newer version of this crate migrated the database, which is left as it is.
    /// - [`StoreError::Unavailable`] where the database cannot be reached, or another process has been migrating for
    ///   too long. What was done by then stays; the next call goes on from there.
    pub async fn migrate(&self) -> Result<(), StoreError> {
        migrations::run(&self.pool).await
    }

    /// What [`migrate`](Self::migrate) would do, in words: a line for each thing that the database lacks.
    ///
    /// # Errors
    /// - [`StoreError::Backend`] where a newer version of this crate migrated the database.
    pub async fn pending_migrations(&self) -> Result<Vec<String>, StoreError> {
        self.apart(|store| async move { patience::read(|| migrations::pending(&store.pool)).await }).await
    }

    /// The first tables of another program, where the schema that [`migrate`](Self::migrate) would make tables in has some,
    /// and neither this crate's nor Django's `orders_order`. Tables of extensions do not count.
    ///
    /// # Errors
    /// - [`StoreError::Unavailable`] where the database does not answer.
    pub async fn foreign_tables(&self) -> Result<Vec<String>, StoreError> {
        self.apart(|store| async move { patience::read(|| contents::foreign_tables(&store.pool)).await }).await
    }

    /// What `call` gives, within the deadline of all calls, see [`patience::to_its_end`].
    pub(crate) async fn apart<T, F>(&self, call: impl FnOnce(Self) -> F + Send) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        patience::to_its_end(patience::DEADLINE, call(self.clone())).await
    }

    /// `PostgreSQL (DATABASE)`.
    pub(crate) fn name(&self) -> String {
        self.pool
            .connect_options()
            .get_database()
            .map_or_else(|| "PostgreSQL".to_owned(), |database| format!("PostgreSQL ({database})"))
    }

    /// Whether a statement that needs the tables is answered.
    pub(crate) async fn ping(&self, statement: &'static str) -> Result<(), StoreError> {
        let answer = self.apart(move |store| async move {
            patience::read(|| async {
                sqlx::query_scalar::<_, i64>(statement).fetch_one(&store.pool).await.map_err(store_error)
            })
            .await
        });
        match answer.await {
            Ok(_) => Ok(()),
            Err(StoreError::Backend { source }) => Err(StoreError::Unavailable { source }),
            Err(other) => Err(other),
        }
    }

    /// Closes the pool, which other handles then cannot use any more either: every later call gets
    /// [`StoreError::Unavailable`].
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// Shows the name of the database alone: options hold a password.
impl fmt::Debug for PgStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgStore").field("database", &self.name()).finish_non_exhaustive()
    }
}
