//! The store: its pools, its writer, and its life.

use std::path::Path;
use std::time::Duration;
use std::{fmt, io};

use async_trait::async_trait;
use provesi_core::{StoreAdmin, StoreError, StoreId};
use sqlx::SqlSafeStr;
use sqlx::sqlite::SqlitePool;
use tokio::time::Instant;

use crate::error::{is_busy, store_error};
use crate::file::{self, OpenFile};
use crate::health::Health;
use crate::readers::Readers;
use crate::transaction::SharedTransaction;
use crate::writer::Writer;
use crate::{migrations, options};

/// Clients, orders, their history and the audit trail in one SQLite file.
///
/// Handles are cheap to clone and share one writer: give out clones, and make one store a file and process. Its task
/// ends when the last handle is dropped, once it has written what waits; [`close`](Self::close) waits for that.
#[derive(Clone)]
pub struct SqliteStore {
    pub(crate) readers: Readers,
    pub(crate) writer: Writer,
    writers: SqlitePool,
    /// One connection for `ping`, which must not wait for long searches.
    pings: SqlitePool,
    file: OpenFile,
}

impl SqliteStore {
    /// A store over the caller's pools, both of the same file: `writer` is used by one task at a time, `readers` by
    /// every read. The connections that `readers` opens stay
    /// with the store, so that pool is the store's alone: close the store, not the pool. See [`writer_options`](crate::writer_options), [`reader_options`](crate::reader_options),
    /// [`writer_pool_options`](crate::writer_pool_options) and
    /// [`reader_pool_options`](crate::reader_pool_options) for how they are to be set up. Nothing is read or written
    /// yet.
    ///
    /// # Panics
    /// Outside a tokio runtime: the writer is a task.
    #[must_use]
    pub fn new(writer: SqlitePool, readers: SqlitePool) -> Self {
        let file = OpenFile::new(writer.connect_options().get_filename());
        Self::over(writer, readers, file)
    }

    fn over(writers: SqlitePool, pool: SqlitePool, file: OpenFile) -> Self {
        let health = Health::default();
        let writer = Writer::spawn(writers.clone(), file.clone(), health.clone());
        let pings = options::reader_pool_options(1).connect_lazy_with((*pool.connect_options()).clone());
        Self { readers: Readers::new(pool, health), writer, writers, pings, file }
    }

    /// A store over the existing file at `path`: [`new`](Self::new) with this crate's options and at most `readers`
    /// connections for reads. Creates no file and runs no migration.
    ///
    /// # Errors
    /// - [`StoreError::Backend`] if there is no file, if it is empty, a directory or not an SQLite database, or if it may not be
    ///   opened. The source says which.
    /// - [`StoreError::Unavailable`] if another process keeps it locked.
    pub async fn open(path: impl AsRef<Path>, readers: u32) -> Result<Self, StoreError> {
        file::check_existing(path.as_ref())?;
        Self::open_checked(path.as_ref(), readers).await
    }

    /// As [`open`](Self::open), but first creates the file if it is missing. On Unix only its owner can read and write the
    /// new file and the files that SQLite keeps beside it (mode 0600), whatever the umask. An existing file keeps its
    /// permissions.
    ///
    /// # Errors
    /// - [`StoreError::Backend`] if the file cannot be created, is a directory or not an SQLite database, or may not be
    ///   opened. The source says which.
    /// - [`StoreError::Unavailable`] if another process keeps it locked.
    pub async fn open_or_create(path: impl AsRef<Path>, readers: u32) -> Result<Self, StoreError> {
        file::create_if_missing(path.as_ref())?;
        Self::open_checked(path.as_ref(), readers).await
    }

    async fn open_checked(path: &Path, readers: u32) -> Result<Self, StoreError> {
        let file = OpenFile::new(path);
        file.check()?;
        let writer = connect(path).await?;
        file.check()?;
        let same = file.clone();
        let readers = options::reader_pool_options(readers)
            // Opens all of them soon, and none to another file.
            .min_connections(readers)
            .after_connect(move |connection, _| {
                let file = same.clone();
                Box::pin(async move {
                    // SQLite opens the write-ahead log with the first read, which fails once the file is deleted.
                    sqlx::query(OPEN_LOG).execute(connection).await?;
                    file.record_log().map_err(|error| sqlx::Error::Io(io::Error::other(error)))
                })
            })
            .connect_lazy_with(options::reader_options(path));
        Ok(Self::over(writer, readers, file))
    }

    /// Begins a transaction of the caller's, which holds the lock for writing. The other writes of this store wait for it, five
    /// seconds at most, and so do those of other processes: it should end soon.
    ///
    /// # Errors
    /// - [`StoreError::Unavailable`] if another write or process holds the lock for too long.
    /// - [`StoreError::Degraded`] if the file is no longer at its path.
    pub async fn begin(&self) -> Result<SharedTransaction, StoreError> {
        self.file.check()?;
        let until = Instant::now() + options::LOCK_PATIENCE;
        loop {
            let mut connection = self.writers.acquire().await.map_err(store_error)?;
            // However the transaction ends, nothing of it can reach the next one.
            connection.close_on_drop();
            match sqlx::Transaction::begin(connection, Some("BEGIN IMMEDIATE".into_sql_str())).await {
                Ok(transaction) => return SharedTransaction::new(transaction, self.file.clone()).await,
                Err(error) if is_busy(&error) && Instant::now() < until => {}
                Err(error) => return Err(store_error(error)),
            }
        }
    }

    /// This store in a transaction of the caller's: changes of orders and clients are committed together with the caller's own.
    ///
    /// ```
    /// use std::sync::Arc;
    ///
    /// use provesi_core::{App, Caller, OrderDraft, StoreAdmin};
    /// use provesi_store_sqlite::SqliteStore;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let dir = tempfile::tempdir()?;
    /// # let store = SqliteStore::open_or_create(dir.path().join("provesi.db"), 4).await?;
    /// # store.migrate().await?;
    /// let app = App::new(Arc::new(store.clone()), Arc::new(store.clone()));
    /// let transaction = store.begin().await?;
    /// let inside = store.in_transaction(&transaction);
    /// let app = app.with_stores(Arc::new(inside.clone()), Arc::new(inside));
    ///
    /// let draft = OrderDraft::builder().number("Ord-001").build();
    /// let order = app.create_order(&Caller::system("example")?, &draft).await?.order.row;
    /// let mut connection = transaction.lock().await?;
    /// sqlx::query("CREATE TABLE IF NOT EXISTS shelves (order_id INTEGER)").execute(&mut *connection).await?;
    /// sqlx::query("INSERT INTO shelves VALUES (?1)").bind(order.id.get()).execute(&mut *connection).await?;
    /// drop(connection);
    /// transaction.commit().await?;
    /// # store.close().await;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// What differs from other calls:
    /// - A change is durable once the caller commits. A write that is refused, or fails, changes nothing, and the caller can go on,
    ///   unless SQLite rolled the whole transaction back: then later calls fail.
    /// - A call whose caller stops waiting is made all the same: roll back after that.
    /// - Writes do not wait in the queue, and share no commit with others.
    /// - [`migrate`](StoreAdmin::migrate) is refused, and [`close`](StoreAdmin::close) does nothing.
    #[must_use]
    pub fn in_transaction(&self, transaction: &SharedTransaction) -> Self {
        let mut inside = self.clone();
        inside.readers.transaction = Some(transaction.clone());
        inside.writer.transaction = Some(transaction.clone());
        inside
    }

    /// Checks that the file is still at its path, that its tables can be read, and that it is not known to be degraded.
    /// Takes [`PING_DEADLINE`](options::PING_DEADLINE) at most.
    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
        self.file.check()?;
        let read = sqlx::query_scalar::<_, i64>(PING).fetch_one(&self.pings);
        let read = tokio::time::timeout(options::PING_DEADLINE, read).await.map_err(StoreError::unavailable)?;
        read.map_err(|error| match self.readers.failed(error) {
            StoreError::Backend { source } => StoreError::Unavailable { source },
            other => other,
        })?;
        self.writer.check()
    }
}

#[async_trait]
impl StoreAdmin for SqliteStore {
    async fn pending_migrations(&self) -> Result<Vec<String>, StoreError> {
        match &self.readers.transaction {
            Some(transaction) => migrations::pending(&mut *transaction.lock().await?).await,
            None => migrations::pending(&mut *self.writers.acquire().await.map_err(store_error)?).await,
        }
    }

    async fn migrate(&self) -> Result<(), StoreError> {
        if self.readers.transaction.is_some() {
            return Err(StoreError::backend("a file is not migrated in a transaction of the caller's"));
        }
        migrations::run(&self.writers).await
    }

    async fn identify(&self) -> Result<Option<StoreId>, StoreError> {
        match &self.readers.transaction {
            Some(transaction) => migrations::store_id(&mut *transaction.lock().await?).await,
            None => migrations::store_id(&mut *self.writers.acquire().await.map_err(store_error)?).await,
        }
    }

    /// Waits until the writes in the queue are written or refused, also those whose caller is gone, and closes the pools,
    /// which other handles then cannot use any more either: every later call gets [`StoreError::Unavailable`]. Waits for
    /// ten seconds at most. A write that is not finished then is rolled back when the process ends. In a transaction of the
    /// caller's, does nothing.
    async fn close(&self) {
        if self.readers.transaction.is_some() {
            return;
        }
        let closed = async {
            self.writer.close().await;
            self.pings.close().await;
            self.readers.close().await;
            // Last, so that it is this connection that puts the write-ahead log into the file.
            self.writers.close().await;
        };
        if tokio::time::timeout(options::CLOSE_DEADLINE, closed).await.is_err() {
            tracing::error!("the database file was not closed in time: a write or a read does not end");
        }
    }

    /// None: they are looked for before the file is opened, by [`foreign_tables`](crate::foreign_tables).
    async fn foreign_tables(&self) -> Result<Vec<String>, StoreError> {
        Ok(Vec::new())
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore").finish_non_exhaustive()
    }
}

const OPEN_LOG: &str = "SELECT count(*) FROM sqlite_schema";

/// How often opening is tried again, and after how long.
const TRIES: u32 = 30;
const RETRY: Duration = Duration::from_millis(100);

/// Opens the file for writing. The switch of a new file to WAL needs it alone, and SQLite does not wait for that: two
/// processes that make the file at the same moment would meet there.
async fn connect(path: &Path) -> Result<SqlitePool, StoreError> {
    let mut tries = 0;
    loop {
        match options::writer_pool_options().connect_with(options::writer_options(path)).await {
            Err(error) if is_busy(&error) && tries < TRIES => tries += 1,
            result => return result.map_err(|error| file::open_error(path, error)),
        }
        tokio::time::sleep(RETRY).await;
    }
}

/// Reads a row of each table: that a connection is open says nothing about the tables.
const PING: &str = "SELECT (SELECT count(*) FROM (SELECT 1 FROM clients LIMIT 1)) + \
    (SELECT count(*) FROM (SELECT 1 FROM orders LIMIT 1)) + (SELECT count(*) FROM (SELECT 1 FROM order_events LIMIT 1)) + \
    (SELECT count(*) FROM (SELECT 1 FROM entries LIMIT 1))";
