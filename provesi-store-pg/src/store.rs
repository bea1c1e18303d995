//! The store: its pool and its life.

use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use provesi_core::{Chain, StoreAdmin, StoreError, StoreId};
use sqlx::postgres::{PgConnection, PgPool};
use sqlx::{Connection, Executor};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout, timeout_at};

use crate::error::{connect_error, is_lost, store_error};
use crate::executor::Call;
use crate::health::{self, Health};
use crate::lease::{Lease, Spares};
use crate::options::{self, Deadlines};
use crate::pooler::Pooler;
use crate::transaction::SharedTransaction;
use crate::{contents, entries, migrations};

/// How long [`PgStore::close`] waits for calls. Longer than the deadline of a write.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a connection may take that is made to learn why there are none.
const PROBE_TIMEOUT: Duration = Duration::from_millis(500);

/// Fills pages of a file, in a temporary table of its transaction: fails on a full disk.
const PROBE_DISK: &str = "CREATE TEMPORARY TABLE provesi_disk_probe ON COMMIT DROP AS \
    SELECT string_agg(md5(n::text || random()::text), '') AS filler FROM generate_series(1, 4000) AS n";

/// Orders, clients, history and the audit trail in one PostgreSQL database.
///
/// Handles are cheap to clone and share the pool.
#[derive(Clone)]
pub struct PgStore {
    connections: Arc<Spares>,
    pub(crate) deadlines: Deadlines,
    pub(crate) health: Arc<Health>,
    pooler: Arc<Pooler>,
    /// The caller's, in which every call is made.
    pub(crate) transaction: Option<SharedTransaction>,
    /// Held while a connection is made to learn why there are none.
    probing: Arc<Mutex<()>>,
}

impl PgStore {
    /// A store over the caller's pool, which should be made from [`pool_options`](crate::pool_options) and
    /// [`connect_options`](crate::connect_options). Nothing is read or written yet.
    #[must_use]
    pub fn new(pool: PgPool) -> Self {
        Self {
            connections: Spares::new(pool),
            deadlines: Deadlines::DEFAULT,
            health: Arc::default(),
            pooler: Arc::default(),
            transaction: None,
            probing: Arc::default(),
        }
    }

    /// Limits each call to `deadline`, in place of 2.9 seconds. Counts keep their 30 seconds.
    #[must_use]
    pub const fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadlines.call = deadline;
        self
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

    /// The pool, for transactions and other statements of the caller's.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        self.connections.pool()
    }

    /// Begins a transaction of the caller's on a connection of the pool, at the isolation level `read committed`.
    ///
    /// # Errors
    /// - [`StoreError::Unavailable`] when there is no connection in time.
    pub async fn begin(&self) -> Result<SharedTransaction, StoreError> {
        let deadline = Instant::now() + self.deadlines.call;
        let connection = self.lease(deadline).await?.into_connection();
        let begun = timeout_at(deadline, sqlx::Transaction::begin(connection, None)).await;
        begun.map_err(StoreError::unavailable)?.map(SharedTransaction::new).map_err(store_error)
    }

    /// This store in a transaction of the caller's: changes of orders and clients are committed together with the caller's own.
    ///
    /// ```no_run
    /// use std::sync::Arc;
    ///
    /// use provesi_core::{App, Caller, OrderDraft};
    /// use provesi_store_pg::PgStore;
    ///
    /// # async fn receive(store: PgStore, app: App, caller: Caller, draft: OrderDraft) -> Result<(), Box<dyn std::error::Error>> {
    /// let transaction = store.begin().await?;
    /// let inside = store.in_transaction(&transaction);
    /// let app = app.with_stores(Arc::new(inside.clone()), Arc::new(inside));
    ///
    /// let order = app.create_order(&caller, &draft).await?.order.row;
    /// sqlx::query("INSERT INTO shelves (order_id) VALUES ($1)")
    ///     .bind(order.id.get())
    ///     .execute(&mut *transaction.lock().await?)
    ///     .await?;
    /// transaction.commit().await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// What differs from other calls:
    /// - A change is durable once the caller commits. A write that is refused, or fails, changes nothing, and the caller can go on;
    ///   locks that it took stay. A read that fails, a lost connection or a deadline ends the transaction, which is rolled back.
    /// - Nothing is repeated. If PostgreSQL rolls the transaction back because of another one, that is
    ///   [`StoreError::Unavailable`], and the caller starts the transaction over.
    /// - A call whose caller stops waiting is made all the same: roll back after that.
    /// - A transaction that is dropped is rolled back, wherever it stands. This holds for pools that are made from
    ///   [`pool_options`](crate::pool_options), which check a connection that returns to them.
    /// - The transaction should end soon after its first event: until then, readers of the feed outside of it wait, and then get
    ///   [`StoreError::Unavailable`].
    /// - A write that attaches an order to a client, or changes an entry, keeps others from deleting that client, or changing the
    ///   entry, until the transaction ends. It needs the isolation level `read committed`, and is refused at others.
    /// - [`migrate`](StoreAdmin::migrate) is refused, and [`close`](StoreAdmin::close) does nothing.
    #[must_use]
    pub fn in_transaction(&self, transaction: &SharedTransaction) -> Self {
        Self { transaction: Some(transaction.clone()), ..self.clone() }
    }

    /// A connection that is ready for use. The wait for it ends with the caller.
    ///
    /// # Errors
    /// - [`StoreError::Unavailable`] when there is none in time.
    /// - [`StoreError::Backend`] when the server refuses this user or database, or a pooler is not in session mode.
    pub(crate) async fn lease(&self, deadline: Instant) -> Result<Lease, StoreError> {
        let prepared = AssertUnwindSafe(self.acquire()).catch_unwind();
        match timeout_at(deadline, prepared).await {
            Ok(Ok(Err(StoreError::Unavailable { source })))
                if matches!(source.downcast_ref(), Some(sqlx::Error::PoolTimedOut)) =>
            {
                Err(self.explain_no_connection().await)
            }
            Ok(Ok(result)) => result,
            Ok(Err(_panic)) => Err(StoreError::unavailable("the driver panicked at an answer while connecting")),
            Err(_) => Err(self.explain_no_connection().await),
        }
    }

    async fn acquire(&self) -> Result<Lease, StoreError> {
        if let Some(lease) = self.connections.take() {
            return Ok(lease);
        }
        loop {
            let acquired = self.pool().acquire().await;
            if let Err(error) = &acquired
                && !matches!(error, sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed)
            {
                self.health.note_connect_failure(Some(Chain(error).to_string()));
            }
            let mut lease = self.connections.lease(acquired.map_err(connect_error)?);
            // A connection that has prepared nothing is new.
            if lease.cached_statements_size() > 0 {
                return Ok(lease);
            }
            match self.pooler.admit(&mut lease, &self.pool().connect_options()).await {
                Ok(()) => return Ok(lease),
                // The server has ended it in the pool: the next one. The pool closes this one, so that the loop ends.
                Err(error) if is_lost(&error) => drop(lease),
                Err(error) => return Err(error),
            }
        }
    }

    /// The pool hides why it cannot connect. One connection is made beside it to learn why; when that succeeds, the pool
    /// is merely in full use.
    async fn explain_no_connection(&self) -> StoreError {
        if let Ok(_only) = self.probing.try_lock() {
            let options = self.pool().connect_options();
            let connect = AssertUnwindSafe(PgConnection::connect_with(&options)).catch_unwind();
            let failure = match timeout(PROBE_TIMEOUT, connect).await {
                Ok(Ok(Ok(_))) => None,
                Ok(Ok(Err(error))) => Some(Chain(&error).to_string()),
                Ok(Err(_panic)) => Some("the driver panicked at an answer".to_owned()),
                Err(_) => Some("a new connection gets no answer".to_owned()),
            };
            self.health.note_connect_failure(failure);
        }
        match self.health.connect_failure() {
            Some(failure) => StoreError::unavailable(format!("no connection: {failure}")),
            None => StoreError::unavailable(sqlx::Error::PoolTimedOut),
        }
    }

    /// `PostgreSQL (DATABASE)`.
    pub(crate) fn name(&self) -> String {
        self.pool()
            .connect_options()
            .get_database()
            .map_or_else(|| "PostgreSQL".to_owned(), |database| format!("PostgreSQL ({database})"))
    }

    /// Whether the store can do its work: `look` reads from each table that is needed.
    pub(crate) async fn ping_with(&self, look: Call<(), ()>) -> Result<(), StoreError> {
        match self.read((), look).await {
            Ok(()) => {}
            Err(StoreError::Backend { source }) => return Err(StoreError::Unavailable { source }),
            Err(other) => return Err(other),
        }
        if self.transaction.is_none() && self.health.wants_probe() {
            let probe = self.transact((), |connection, ()| {
                Box::pin(async move { connection.execute(PROBE_DISK).await.map(drop).map_err(store_error) })
            });
            if let Err(error) = probe.await {
                tracing::debug!(error = %Chain(&error), "the disk is still not well");
            }
        }
        self.health.check()
    }
}

#[async_trait]
impl StoreAdmin for PgStore {
    async fn pending_migrations(&self) -> Result<Vec<String>, StoreError> {
        self.read((), |connection, ()| Box::pin(migrations::pending(connection))).await
    }

    /// Creates missing tables, columns and indexes, in an empty database or in one that the Python system uses at the same
    /// time. Several processes may call this at once. Takes a connection out of the pool and closes it.
    ///
    /// # Errors
    /// - [`StoreError::Backend`] if two orders have numbers that differ in letter case only, which the source names; if
    ///   `orders_order` is not the table that it should be; if the user lacks a right. Nothing was changed.
    /// - [`StoreError::Backend`] if a newer version of this crate migrated the database. Nothing was changed.
    /// - [`StoreError::Unavailable`] if the database does not answer, or another process migrates it for too long. What is
    ///   done stays, and the next call does the rest.
    async fn migrate(&self) -> Result<(), StoreError> {
        if self.transaction.is_some() {
            return Err(StoreError::backend("a database is not migrated in a transaction of the caller's"));
        }
        if self.pending_migrations().await?.is_empty() {
            return Ok(());
        }
        // Dropped at the end, which closes its connection.
        let mut lease = self.lease(Instant::now() + self.deadlines.call).await?;
        let migrated = AssertUnwindSafe(migrations::run(&mut lease)).catch_unwind().await;
        migrated.unwrap_or_else(|_panic| Err(StoreError::backend("the driver panicked at an answer of the server")))
    }

    async fn conflicts(&self) -> Result<Vec<String>, StoreError> {
        self.scan((), |connection, ()| Box::pin(migrations::case_duplicates::describe(connection))).await
    }

    async fn identify(&self) -> Result<Option<StoreId>, StoreError> {
        self.read((), |connection, ()| Box::pin(entries::store_id(connection))).await
    }

    /// The names of some tables, if the schema that [`migrate`](Self::migrate) would create tables in has any, and neither
    /// this crate's nor Django's `orders_order`. Tables of extensions do not count.
    ///
    /// # Errors
    /// - [`StoreError::Unavailable`] if the database does not answer.
    async fn foreign_tables(&self) -> Result<Vec<String>, StoreError> {
        self.read((), |connection, ()| Box::pin(contents::foreign_tables(connection))).await
    }

    /// Does nothing in a transaction of the caller's.
    async fn close(&self) {
        if self.transaction.is_some() {
            return;
        }
        if timeout(CLOSE_TIMEOUT, self.pool().close()).await.is_err() {
            tracing::warn!("connections were closed while calls were running on them");
        }
    }
}

/// Runs a statement that says whether the server takes writes.
///
/// # Errors
/// [`StoreError::Degraded`] when it does not.
pub(crate) async fn writable(connection: &mut PgConnection, statement: &'static str) -> Result<(), StoreError> {
    let is_writable: bool = sqlx::query_scalar(statement).fetch_one(connection).await.map_err(store_error)?;
    if is_writable { Ok(()) } else { Err(StoreError::degraded(health::READ_ONLY, "transactions are read-only")) }
}

/// Shows the name of the database alone: options hold a password.
impl fmt::Debug for PgStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PgStore").field("database", &self.name()).finish_non_exhaustive()
    }
}
