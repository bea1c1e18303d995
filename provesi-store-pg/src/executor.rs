//! Runs calls: each on a connection of its own, within a deadline, and again only when that is safe.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use provesi_core::StoreError;
use sqlx::{Connection, PgConnection};
use tokio::time::{Instant, timeout_at};
use tracing::Instrument;

use crate::commit::TimeLimit;
use crate::error::{allows_reuse, is_conflict, is_lost, store_error, unconfirmed};
use crate::lease::Lease;
use crate::store::PgStore;

/// What runs on a connection: a function of the connection and of the arguments of the call, which it owns.
pub(crate) type Call<A, T> = for<'c> fn(&'c mut PgConnection, &'c A) -> BoxFuture<'c, Result<T, StoreError>>;

/// How often a call is tried when other transactions get in its way.
const MAX_CONFLICTS: u32 = 5;

/// How often a read is repeated when its connection breaks: after a restart of the server, every connection of a pool may
/// be broken.
const MAX_LOST: u32 = 200;

/// What a call does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    /// Reads by one short statement; may be repeated.
    Lookup,
    /// Reads; may be repeated.
    Read,
    /// Writes by one statement, which is a transaction of its own.
    Statement,
    /// Writes in one transaction, which the executor begins and commits.
    Transaction,
}

impl Mode {
    const fn writes(self) -> bool {
        matches!(self, Self::Statement | Self::Transaction)
    }
}

/// What a task takes with it, or returns.
pub(crate) trait TaskData: Send + Sync + 'static {}

impl<T: Send + Sync + 'static> TaskData for T {}

impl PgStore {
    /// Runs a read of one short statement. Repeats it as [`read`](Self::read).
    pub(crate) async fn look_up<A: TaskData, T: TaskData>(
        &self,
        arguments: A,
        call: Call<A, T>,
    ) -> Result<T, StoreError> {
        self.start(Mode::Lookup, self.deadlines.call, None, arguments, call).await
    }

    /// Runs a read. Repeats it after a conflict or a broken connection.
    pub(crate) async fn read<A: TaskData, T: TaskData>(&self, arguments: A, call: Call<A, T>) -> Result<T, StoreError> {
        self.start(Mode::Read, self.deadlines.call, None, arguments, call).await
    }

    /// Runs a read whose time is proportional to the table.
    pub(crate) async fn scan<A: TaskData, T: TaskData>(&self, arguments: A, call: Call<A, T>) -> Result<T, StoreError> {
        self.start(Mode::Read, self.deadlines.scan, None, arguments, call).await
    }

    /// Runs a write of one statement. Repeats it after a conflict, when the server has rolled it back.
    pub(crate) async fn write<A: TaskData, T: TaskData>(
        &self,
        deadline: Option<Instant>,
        arguments: A,
        call: Call<A, T>,
    ) -> Result<T, StoreError> {
        self.start(Mode::Statement, self.deadlines.call, deadline, arguments, call).await
    }

    /// Runs a write in a transaction, which is committed when the call succeeds. Repeats it after a conflict.
    pub(crate) async fn transact<A: TaskData, T: TaskData>(
        &self,
        arguments: A,
        call: Call<A, T>,
    ) -> Result<T, StoreError> {
        self.start(Mode::Transaction, self.deadlines.call, None, arguments, call).await
    }

    /// Runs a call in the caller's transaction, or on a connection of its own until the deadline, else for `limit`.
    async fn start<A: TaskData, T: TaskData>(
        &self,
        mode: Mode,
        limit: Duration,
        deadline: Option<Instant>,
        arguments: A,
        call: Call<A, T>,
    ) -> Result<T, StoreError> {
        match &self.transaction {
            Some(transaction) => transaction.run(mode.writes(), limit, arguments, call).await,
            None => self.run(mode, deadline.unwrap_or_else(|| Instant::now() + limit), arguments, call).await,
        }
    }

    /// The limit of a call that starts now; none in a transaction of the caller's.
    pub(crate) fn time_limit(&self) -> Option<TimeLimit> {
        let limit = self.deadlines.call;
        let starting_now = || TimeLimit { deadline: Instant::now() + limit, reserve: limit / 4 };
        self.transaction.is_none().then(starting_now)
    }

    /// Waits for a connection in the caller's own future, so that a call whose caller is gone by then is never sent. The call itself
    /// is a task, which runs to its end or to the deadline when the caller is gone: closing a connection at every cancellation
    /// would cost more, and [`PgStore::close`] waits for it. A lookup is none: it is over soon, and a task costs as much.
    async fn run<A: TaskData, T: TaskData>(
        &self,
        mode: Mode,
        deadline: Instant,
        arguments: A,
        call: Call<A, T>,
    ) -> Result<T, StoreError> {
        let arguments = Arc::new(arguments);
        let (mut conflicts, mut lost) = (0, 0);
        loop {
            let lease = self.lease(deadline).await?;
            let attempt = attempt(lease, mode, deadline, Arc::clone(&arguments), call);
            let result = if mode == Mode::Lookup {
                attempt.await
            } else {
                match tokio::spawn(attempt.in_current_span()).await {
                    Ok(result) => result,
                    // The runtime is shutting down.
                    Err(ended) if mode.writes() => Err(StoreError::outcome_unknown(ended)),
                    Err(ended) => Err(StoreError::unavailable(ended)),
                }
            };
            self.health.note(mode.writes(), &result);
            let max_pause = match &result {
                // Each waits for a time of its own, longer every time, so that the same transactions do not meet again.
                Err(error) if is_conflict(error) && conflicts < MAX_CONFLICTS => {
                    conflicts += 1;
                    10_u64 << conflicts
                }
                Err(error) if !mode.writes() && is_lost(error) && lost < MAX_LOST => {
                    lost += 1;
                    5
                }
                _ => return result,
            };
            let pause = Duration::from_millis(rand::random_range(1..=max_pause));
            if Instant::now() + pause >= deadline {
                return result;
            }
            tokio::time::sleep(pause).await;
        }
    }
}

/// Runs `call` once. The connection returns to the pool when the call has ended and the connection is in order.
async fn attempt<A, T>(
    mut lease: Lease,
    mode: Mode,
    deadline: Instant,
    arguments: Arc<A>,
    call: Call<A, T>,
) -> Result<T, StoreError> {
    // Whether something was sent that the server may make durable.
    let sent = AtomicBool::new(false);
    lease.reuse(mode == Mode::Lookup);
    let body = async {
        if mode != Mode::Transaction {
            sent.store(mode == Mode::Statement, Ordering::Relaxed);
            return call(&mut lease, &arguments).await;
        }
        let mut transaction = lease.begin().await.map_err(store_error)?;
        let value = call(&mut transaction, &arguments).await?;
        sent.store(true, Ordering::Relaxed);
        transaction.commit().await.map_err(store_error)?;
        Ok(value)
    };
    let ended = timeout_at(deadline, AssertUnwindSafe(body).catch_unwind()).await;
    let sent = sent.into_inner();
    let failure = |message| {
        if sent { StoreError::outcome_unknown(message) } else { StoreError::unavailable(message) }
    };
    // A lease that is dropped closes the connection.
    lease.reuse(false);
    let result = match ended {
        Ok(Ok(result)) => result,
        Ok(Err(_panic)) => return Err(failure("the driver panicked at an answer of the server")),
        Err(_) => return Err(failure("no answer within the deadline")),
    };
    match &result {
        Ok(_) => lease.release(),
        // What the call left open is rolled back on the way to the pool.
        Err(error) if allows_reuse(error) => lease.give_back(),
        Err(_) => drop(lease),
    }
    if sent { result.map_err(unconfirmed) } else { result }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_fit_into_a_deadline() {
        let most: u64 = (1..=MAX_CONFLICTS).map(|conflict| 10_u64 << conflict).sum();
        assert!(Duration::from_millis(most) < crate::options::Deadlines::DEFAULT.call);
    }
}
