//! How connections to a store's file are to be set up.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

/// How long the writer waits for another process that writes. Shorter than [`WRITE_DEADLINE`], so that a caller hears
/// of the lock rather than of the time.
pub(crate) const LOCK_PATIENCE: Duration = Duration::from_secs(3);

/// How long SQLite itself waits when the writer wants the lock. It looks less and less often, at last ten times a
/// second, and against a process that writes without a break would seldom meet the gap. So this is short, and the
/// writer asks again until [`LOCK_PATIENCE`] is over.
const WRITER_BUSY_TIMEOUT: Duration = Duration::from_millis(20);

/// How long a reader waits where it has to, which is while another process recovers the file.
const READER_BUSY_TIMEOUT: Duration = LOCK_PATIENCE;

/// How long a caller waits for a write in all: for a place in the queue, its turn, and the commit.
pub(crate) const WRITE_DEADLINE: Duration = Duration::from_secs(8);

/// How long [`SqliteStore::close`](crate::SqliteStore::close) waits for the writes in the queue and for reads.
pub(crate) const CLOSE_DEADLINE: Duration = Duration::from_secs(10);

/// How long the read of a `ping` may take.
pub(crate) const PING_DEADLINE: Duration = Duration::from_millis(300);

/// How long a caller waits for a free connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(5);

/// Options of the writer's connection to the file at `path`: WAL, every commit on the disk before it is acknowledged
/// (`synchronous = FULL`), a page cache of at most 8 MiB. A missing file is an error: SQLite never creates it, so that one
/// that is deleted while it is open is not replaced by an empty one.
#[must_use]
pub fn writer_options(path: impl AsRef<Path>) -> SqliteConnectOptions {
    base(path)
        .busy_timeout(WRITER_BUSY_TIMEOUT)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("cache_size", "-8192")
        // After a burst the WAL is cut back to this when it is next started over.
        .pragma("journal_size_limit", "67108864")
}

/// How a reader's connection to the file at `path` is to be set up: `query_only`, a page cache of at most 2 MiB.
///
/// Not opened as read-only: such a connection cannot make the `-shm` file that WAL needs, and would depend on who
/// opens first.
#[must_use]
pub fn reader_options(path: impl AsRef<Path>) -> SqliteConnectOptions {
    base(path).busy_timeout(READER_BUSY_TIMEOUT).pragma("cache_size", "-2048").pragma("query_only", "ON")
}

fn base(path: impl AsRef<Path>) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .foreign_keys(true)
        // For what is read row by row: enough that SQLite's thread seldom waits for the reader.
        .row_buffer_size(256)
}

/// A pool of the one connection that writes.
#[must_use]
pub fn writer_pool_options() -> SqlitePoolOptions {
    pool_options().max_connections(1)
}

/// A pool of at most `readers` connections, each opened when it is first needed. A few are enough: each is a thread,
/// and more of them than cores do not read faster.
#[must_use]
pub fn reader_pool_options(readers: u32) -> SqlitePoolOptions {
    pool_options().max_connections(readers)
}

fn pool_options() -> SqlitePoolOptions {
    SqlitePoolOptions::new()
        .acquire_timeout(ACQUIRE_TIMEOUT)
        // A connection to a file does not go stale: no test before each use, which costs as much as a query, and no
        // reopening, which throws its page cache and its prepared statements away.
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
}
