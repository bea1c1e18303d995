//! The connections that read.
//!
//! sqlx pings a connection when it is returned to its pool, which costs another round trip to SQLite's thread. So the connections that
//! the caller's pool opens stay in a pool of the store's own.

use std::ops::{Deref, DerefMut};
use std::time::Duration;

use deadpool::managed::{Manager, Metrics, Object, Pool, PoolConfig, PoolError, QueueMode, RecycleResult};
use provesi_core::StoreError;
use sqlx::Connection as _;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{Sqlite, SqliteConnection, SqlitePool};
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::error::store_error;
use crate::health::Health;
use crate::transaction::{Locked, SharedTransaction};

/// A pool of connections, and what their failures say of the file.
#[derive(Clone)]
pub(crate) struct Readers {
    pool: Pool<Opener>,
    /// How long a read waits for a connection.
    patience: Duration,
    pub(crate) health: Health,
    /// The caller's, which sees its own changes: every read is made in it.
    pub(crate) transaction: Option<SharedTransaction>,
}

impl Readers {
    pub(crate) fn new(pool: SqlitePool, health: Health) -> Self {
        let patience = pool.options().get_acquire_timeout();
        let config = PoolConfig {
            max_size: usize::try_from(pool.options().get_max_connections()).unwrap_or(usize::MAX),
            // The one that was used last has the pages of the last reads.
            queue_mode: QueueMode::Lifo,
            ..PoolConfig::default()
        };
        let pool = Pool::builder(Opener(pool)).config(config).build();
        Self { pool: pool.expect("no runtime is needed without time-outs"), patience, health, transaction: None }
    }

    /// Makes a read, see [`run`](Self::run).
    pub(crate) async fn read<T>(
        &self,
        read: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, StoreError> {
        self.run(read).await?.map_err(|error| self.failed(error))
    }

    /// Uses a connection, or the caller's transaction. After a failure, and if this is dropped in the middle, the connection is used
    /// again once it has answered.
    pub(crate) async fn run<T, E>(
        &self,
        read: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, E>,
    ) -> Result<Result<T, E>, StoreError> {
        let mut reader = self.reader().await?;
        let result = read(&mut reader).await;
        reader.is_done = result.is_ok();
        Ok(result)
    }

    /// A connection for rows that are read one by one.
    pub(crate) async fn reader(&self) -> Result<Reader<'_>, StoreError> {
        let connection = match &self.transaction {
            Some(transaction) => Connection::OfTransaction(transaction.lock().await?),
            None => Connection::Pooled(Some(self.acquire().await?)),
        };
        Ok(Reader { connection, is_done: false })
    }

    async fn acquire(&self) -> Result<Object<Opener>, StoreError> {
        let acquired = timeout(self.patience, self.pool.get()).await.map_err(StoreError::unavailable)?;
        acquired.map_err(|error| match error {
            PoolError::Backend(error) => self.failed(error),
            error => StoreError::unavailable(error),
        })
    }

    /// What a failed read means to its caller. Damage that it met is remembered for `ping`.
    pub(crate) fn failed(&self, error: sqlx::Error) -> StoreError {
        let error = store_error(error);
        self.health.record(&error);
        error
    }

    /// Waits for the reads that are under way, and closes the connections.
    pub(crate) async fn close(&self) {
        self.pool.close();
        self.pool.manager().0.close().await;
    }
}

/// Opens connections by the caller's pool.
#[derive(Debug)]
struct Opener(SqlitePool);

impl Manager for Opener {
    type Type = Opened;
    type Error = sqlx::Error;

    async fn create(&self) -> Result<Opened, sqlx::Error> {
        Ok(Opened { connection: Some(self.0.acquire().await?), runtime: Handle::current() })
    }

    async fn recycle(&self, _: &mut Opened, _: &Metrics) -> RecycleResult<sqlx::Error> {
        Ok(())
    }
}

/// A connection, which returns to the caller's pool when this is dropped.
#[derive(Debug)]
struct Opened {
    connection: Option<PoolConnection<Sqlite>>,
    runtime: Handle,
}

impl Drop for Opened {
    fn drop(&mut self) {
        // The pool starts a task for it.
        let _entered = Handle::try_current().is_err().then(|| self.runtime.enter());
        self.connection = None;
    }
}

/// A connection that a read uses.
pub(crate) struct Reader<'r> {
    connection: Connection<'r>,
    /// Whether nothing is under way on it.
    is_done: bool,
}

enum Connection<'r> {
    /// `Some` until it is dropped.
    Pooled(Option<Object<Opener>>),
    OfTransaction(Locked<'r>),
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        if let Connection::Pooled(connection) = &mut self.connection
            && !self.is_done
            && let Some(connection) = connection.take()
        {
            let runtime = Handle::try_current().unwrap_or_else(|_| connection.runtime.clone());
            runtime.spawn(Unsettled(Some(connection)).settle());
        }
    }
}

/// A connection on which something may be under way. It keeps its place in the pool.
struct Unsettled(Option<Object<Opener>>);

impl Unsettled {
    /// Returns the connection once SQLite is done with what is under way.
    async fn settle(mut self) {
        let connection = self.0.as_mut().and_then(|opened| opened.connection.as_mut());
        if let Some(connection) = connection
            && connection.ping().await.is_ok()
        {
            self.0 = None;
        }
    }
}

impl Drop for Unsettled {
    fn drop(&mut self) {
        drop(self.0.take().map(Object::take));
    }
}

const EXPECT: &str = "the connection leaves only when the reader is dropped";

impl Deref for Reader<'_> {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        match &self.connection {
            Connection::Pooled(opened) => opened.as_ref().and_then(|opened| opened.connection.as_ref()).expect(EXPECT),
            Connection::OfTransaction(connection) => connection,
        }
    }
}

impl DerefMut for Reader<'_> {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        match &mut self.connection {
            Connection::Pooled(opened) => opened.as_mut().and_then(|opened| opened.connection.as_mut()).expect(EXPECT),
            Connection::OfTransaction(connection) => connection,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use tokio::time::timeout;

    use super::*;
    use crate::options::{reader_options, reader_pool_options};

    /// Takes some seconds.
    const SLOW: &str =
        "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n LIMIT 5000000) SELECT count(*) FROM n";

    fn readers(max: u32) -> (SqlitePool, Readers) {
        let pool = reader_pool_options(max).connect_lazy_with(reader_options(":memory:"));
        (pool.clone(), Readers::new(pool, Health::default()))
    }

    async fn quick(readers: &Readers) -> Result<i64, StoreError> {
        readers.read(async |connection| sqlx::query_scalar("SELECT 1").fetch_one(connection).await).await
    }

    #[tokio::test]
    async fn a_connection_stays_and_is_used_again() {
        let (pool, readers) = readers(4);
        for _ in 0..10 {
            assert_eq!(quick(&readers).await.unwrap(), 1);
        }
        assert_eq!((pool.size(), pool.num_idle()), (1, 0));
        readers.close().await;
        assert!(pool.is_closed() && pool.size() == 0);
        assert!(matches!(quick(&readers).await, Err(StoreError::Unavailable { .. })));
    }

    async fn slow(readers: &Readers) -> Result<i64, StoreError> {
        readers.read(async |connection| sqlx::query_scalar(SLOW).fetch_one(connection).await).await
    }

    #[tokio::test]
    async fn a_read_that_is_dropped_in_the_middle_keeps_its_own_connection_until_sqlite_is_done() {
        let started = Instant::now();
        let (_, readers) = readers(2);
        timeout(Duration::from_millis(20), slow(&readers)).await.unwrap_err();
        // The other connection is in use when these ask for one.
        let (first, second, third) = tokio::join!(quick(&readers), quick(&readers), quick(&readers));
        assert_eq!([first, second, third].map(Result::unwrap), [1; 3]);
        let quick_ones = started.elapsed();
        let whole = slow(&readers).await.map(|_| started.elapsed()).unwrap();
        assert!(quick_ones < whole / 3, "{quick_ones:?} of {whole:?}");
    }

    #[tokio::test]
    async fn closing_waits_for_reads_that_are_under_way_and_for_those_that_were_dropped() {
        for is_dropped in [false, true] {
            let (pool, readers) = readers(2);
            let reading = readers.clone();
            let read = tokio::spawn(async move { slow(&reading).await });
            tokio::time::sleep(Duration::from_millis(20)).await;
            if is_dropped {
                read.abort();
            }
            readers.close().await;
            assert_eq!(pool.size(), 0);
            assert_eq!(read.await.is_ok_and(|read| read.is_ok()), !is_dropped);
        }
    }

    #[tokio::test]
    async fn who_finds_no_connection_in_time_is_told_so() {
        let pool = reader_pool_options(1).acquire_timeout(Duration::from_millis(50));
        let readers = Readers::new(pool.connect_lazy_with(reader_options(":memory:")), Health::default());
        let _held = readers.reader().await.unwrap();
        assert!(matches!(quick(&readers).await, Err(StoreError::Unavailable { .. })));
    }

    #[test]
    fn a_store_may_outlive_its_runtime() {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let (pool, readers) = runtime.block_on(async {
            let (pool, readers) = readers(1);
            quick(&readers).await.unwrap();
            (pool, readers)
        });
        drop(runtime);
        drop((readers, pool));
    }
}
