//! Connections that calls borrow from the pool. A connection is used again only if its call ran to completion, or was a lookup;
//! any other one is closed, so that the server rolls back what is open on it.
//!
//! sqlx asks the server whenever a connection returns to its pool, which costs about as much as a lookup. So a few connections
//! wait a moment for the next call before they return ([`Spares`]).

use std::io::ErrorKind;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::postgres::PgPool;
use sqlx::{PgConnection, Postgres, Row};
use tokio::runtime::Handle;
use tokio::time::{Instant, sleep, timeout};

/// How long a connection may take to return to the pool. sqlx waits for an answer of the server without a limit.
const RETURN_TIMEOUT: Duration = Duration::from_secs(1);

/// Whether a statement is the first of its transaction. It must go by the simple protocol, where both are the moment at
/// which the statement arrived.
const OUTSIDE_TRANSACTION: &str = "SELECT now() = statement_timestamp()";

tokio::task_local! {
    /// Set while the connection of a [`Lease`] returns, which is known to have no open transaction.
    static SETTLED: ();
}

/// How long a connection waits for the next call before it returns to the pool.
const SPARE_TIME: Duration = Duration::from_millis(50);

/// After how long a connection returns to the pool even if calls follow each other, so that the pool's limits on its age hold.
const MAX_AWAY: Duration = Duration::from_secs(1);

/// Connections of the pool that wait for the next call: at most a quarter of them, and none while somebody may wait for one at the
/// pool.
pub(crate) struct Spares {
    pool: PgPool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    spares: Vec<Spare>,
    /// A task returns those that nobody takes.
    is_swept: bool,
}

struct Spare {
    connection: PoolConnection<Postgres>,
    runtime: Handle,
    taken: Instant,
    since: Instant,
}

impl Spares {
    pub(crate) fn new(pool: PgPool) -> Arc<Self> {
        Arc::new(Self { pool, state: Mutex::default() })
    }

    pub(crate) const fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// The spare connection that was used last, if there is one.
    pub(crate) fn take(self: &Arc<Self>) -> Option<Lease> {
        if self.pool.is_closed() {
            return None;
        }
        let Spare { connection, runtime, taken, .. } = self.lock().spares.pop()?;
        Some(Lease { connection: Some(connection), runtime, taken, spares: Arc::clone(self), is_reusable: false })
    }

    /// A connection that comes from the pool, within a runtime.
    pub(crate) fn lease(self: &Arc<Self>, connection: PoolConnection<Postgres>) -> Lease {
        Lease {
            connection: Some(connection),
            runtime: Handle::current(),
            taken: Instant::now(),
            spares: Arc::clone(self),
            is_reusable: false,
        }
    }

    fn keep(self: &Arc<Self>, connection: PoolConnection<Postgres>, runtime: Handle, taken: Instant) {
        let max = self.pool.options().get_max_connections();
        let is_wanted = self.pool.size() >= max && self.pool.num_idle() == 0;
        let mut state = self.lock();
        let is_full = state.spares.len() >= max as usize / 4;
        if is_wanted || is_full || taken.elapsed() > MAX_AWAY || self.pool.is_closed() {
            drop(state);
            give_back(connection);
            return;
        }
        state.spares.push(Spare { connection, runtime, taken, since: Instant::now() });
        if !state.is_swept {
            state.is_swept = true;
            tokio::spawn(Arc::clone(self).sweep());
        }
    }

    async fn sweep(self: Arc<Self>) {
        let aborted = Aborted(&self);
        loop {
            sleep(SPARE_TIME).await;
            let (unused, is_done) = {
                let mut state = self.lock();
                let is_unused = |spare: &mut Spare| spare.since.elapsed() >= SPARE_TIME || self.pool.is_closed();
                let unused: Vec<Spare> = state.spares.extract_if(.., is_unused).collect();
                state.is_swept = !state.spares.is_empty();
                (unused, state.spares.is_empty())
            };
            unused.into_iter().for_each(|spare| give_back(spare.connection));
            if is_done {
                // Another task may sweep by now.
                return std::mem::forget(aborted);
            }
        }
    }

    fn close(&self) {
        let State { spares, .. } = std::mem::take(&mut *self.lock());
        spares.into_iter().for_each(|spare| close(spare.connection, &spare.runtime));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Spares {
    fn drop(&mut self) {
        self.close();
    }
}

/// Dropped if the runtime of the task that sweeps ends: its connections end too.
struct Aborted<'s>(&'s Spares);

impl Drop for Aborted<'_> {
    fn drop(&mut self) {
        self.0.close();
    }
}

/// Returns a connection without an open transaction to the pool, in a task of its own. One that does not answer in time is dropped
/// with the future, and so closed.
fn give_back(mut connection: PoolConnection<Postgres>) {
    let returned = SETTLED.scope((), connection.return_to_pool());
    tokio::spawn(async move { timeout(RETURN_TIMEOUT, returned).await.ok() });
}

/// Likewise one of a lookup that was dropped in the middle, once what is left of its answer was passed over.
fn give_back_unsettled(mut connection: PoolConnection<Postgres>, runtime: &Handle) {
    let settled = runtime.clone();
    // If the runtime has ended, the connection is dropped here, and the pool needs one for that.
    let _entered = runtime.enter();
    runtime.spawn(async move {
        match is_reusable(&mut connection).await {
            Ok(true) => give_back(connection),
            Ok(false) | Err(_) => close(connection, &settled),
        }
    });
}

/// Closes a connection. The pool then may start a task.
fn close(connection: PoolConnection<Postgres>, runtime: &Handle) {
    let _entered = runtime.enter();
    drop(connection.detach());
}

/// A connection that a call uses.
pub(crate) struct Lease {
    /// `None` once the connection has left.
    connection: Option<PoolConnection<Postgres>>,
    runtime: Handle,
    /// Since when it is away from the pool.
    taken: Instant,
    spares: Arc<Spares>,
    /// Whether the connection can be used again if this is dropped in the middle of a call. Otherwise it is closed.
    is_reusable: bool,
}

const EXPECT: &str = "the connection leaves only when the lease is consumed";

impl Lease {
    /// The connection, whose life is the caller's concern from here on.
    pub(crate) fn into_connection(mut self) -> PoolConnection<Postgres> {
        self.connection.take().expect(EXPECT)
    }

    /// Whether the connection can be used again after a call that is dropped in the middle. That of a lookup can: the driver passes
    /// over what is left of its answer.
    pub(crate) const fn reuse(&mut self, is_reusable: bool) {
        self.is_reusable = is_reusable;
    }

    /// Ends the use of a connection whose call succeeded.
    pub(crate) fn release(mut self) {
        if let Some(connection) = self.connection.take() {
            self.spares.keep(connection, self.runtime.clone(), self.taken);
        }
    }

    /// Returns the connection to the pool.
    pub(crate) fn give_back(mut self) {
        if let Some(connection) = self.connection.take() {
            give_back(connection);
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        match self.connection.take() {
            Some(connection) if self.is_reusable => give_back_unsettled(connection, &self.runtime),
            Some(connection) => close(connection, &self.runtime),
            None => {}
        }
    }
}

impl Deref for Lease {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        self.connection.as_ref().expect(EXPECT)
    }
}

impl DerefMut for Lease {
    fn deref_mut(&mut self) -> &mut PgConnection {
        self.connection.as_mut().expect(EXPECT)
    }
}

/// Whether a connection that returns to the pool may be used again. What a [`Lease`] returns may. Anything else was used
/// by the embedding application: when its future is dropped during BEGIN, sqlx 0.9.0 does not know of the transaction and
/// does not roll it back, so the server is asked.
///
/// # Errors
/// When the connection does not answer, or its transaction has failed.
pub(crate) async fn is_reusable(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    if SETTLED.try_with(|&()| ()).is_ok() {
        return Ok(true);
    }
    let answer = timeout(RETURN_TIMEOUT, sqlx::raw_sql(OUTSIDE_TRANSACTION).fetch_one(connection)).await;
    answer.map_err(|_| sqlx::Error::Io(ErrorKind::TimedOut.into()))??.try_get(0)
}
