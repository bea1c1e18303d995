//! The connections that read.
//!
//! sqlx asks a connection whether it works whenever it returns to its pool, which costs about as much as a lookup. So what the
//! caller's pool opens stays in a pool of the store's own.

use std::ops::{Deref, DerefMut};

use deadpool::Runtime;
use deadpool::managed::{Manager, Metrics, Object, Pool, PoolConfig, PoolError, QueueMode, RecycleResult, Timeouts};
use provesi_core::StoreError;
use sqlx::pool::PoolConnection;
use sqlx::sqlite::{Sqlite, SqliteConnection, SqlitePool};
use tokio::runtime::Handle;

use crate::error::store_error;
use crate::health::Health;
use crate::transaction::{Locked, SharedTransaction};

/// A pool of connections, and what their failures say of the file.
#[derive(Clone)]
pub(crate) struct Readers {
    pool: Pool<Opener>,
    pub(crate) health: Health,
    /// The caller's, which sees its own changes: every read is made in it.
    pub(crate) transaction: Option<SharedTransaction>,
}

impl Readers {
    pub(crate) fn new(pool: SqlitePool, health: Health) -> Self {
        let options = pool.options();
        let max = options.get_max_connections();
        let wait = Some(options.get_acquire_timeout());
        let config = PoolConfig {
            max_size: usize::try_from(max).unwrap_or(usize::MAX),
            timeouts: Timeouts { wait, ..Timeouts::default() },
            // The one that was used last has the pages of the last reads.
            queue_mode: QueueMode::Lifo,
        };
        let pool = Pool::builder(Opener(pool)).config(config).runtime(Runtime::Tokio1).build();
        Self { pool: pool.expect("it has a runtime for its time-outs"), health, transaction: None }
    }

    /// Makes a read, see [`run`](Self::run).
    pub(crate) async fn read<T>(
        &self,
        read: impl AsyncFnOnce(&mut SqliteConnection) -> Result<T, sqlx::Error>,
    ) -> Result<T, StoreError> {
        self.run(read).await?.map_err(|error| self.failed(error))
    }

    /// Uses a connection, or the caller's transaction. If this is dropped in the middle, the connection is used again once SQLite is
    /// done with it.
    pub(crate) async fn run<T>(&self, read: impl AsyncFnOnce(&mut SqliteConnection) -> T) -> Result<T, StoreError> {
        let mut reader = self.reader().await?;
        let read = read(&mut reader).await;
        reader.is_done = true;
        Ok(read)
    }

    /// A connection for rows that are read one by one.
    pub(crate) async fn reader(&self) -> Result<Reader<'_>, StoreError> {
        let connection = match &self.transaction {
            Some(transaction) => Connection::OfTransaction(transaction.lock().await?),
            None => Connection::Pooled(Some(self.pool.get().await.map_err(|error| match error {
                PoolError::Backend(error) => self.failed(error),
                error => StoreError::unavailable(error),
            })?)),
        };
        Ok(Reader { connection, is_done: false })
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
        let _entered = self.runtime.enter();
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
        {
            drop(connection.take().map(Object::take));
        }
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

    #[tokio::test]
    async fn a_read_that_is_dropped_in_the_middle_delays_nobody_who_finds_another_connection() {
        let (_, several) = readers(2);
        let slow = several.read(async |connection| sqlx::query(SLOW).fetch_one(connection).await);
        timeout(Duration::from_millis(20), slow).await.unwrap_err();
        let started = Instant::now();
        for _ in 0..10 {
            quick(&several).await.unwrap();
        }
        let quick_ones = started.elapsed();
        // With one connection, they wait for SQLite.
        let (_, single) = readers(1);
        let slow = single.read(async |connection| sqlx::query(SLOW).fetch_one(connection).await);
        timeout(Duration::from_millis(20), slow).await.unwrap_err();
        let started = Instant::now();
        quick(&single).await.unwrap();
        assert!(quick_ones < started.elapsed() / 2, "{quick_ones:?}");
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
