//! The one writer: a bounded queue, and a task that takes all writes that wait, runs them in one transaction, commits
//! once and then answers each. SQLite has one writer at a time anyway; what costs is the sync of each commit, and so
//! those who wait together share one.

mod batch;
mod claim;
mod probe;
mod task;

use async_trait::async_trait;
use provesi_core::{ClientWrite, OrderId, OrderWrite, StoreError};
use sqlx::sqlite::{SqliteConnection, SqlitePool};
use tokio::sync::{mpsc, oneshot};

use crate::error::is_of_the_store;
use crate::file::OpenFile;
use crate::health::Health;
use crate::options::WRITE_DEADLINE;
use crate::transaction::SharedTransaction;
use crate::{clients, orders, sql};
use batch::{OrdersTicket, Ticket, Waiting};
use claim::Claim;
use probe::Probe;

/// How many writes may wait. A further one waits for a place.
const QUEUE: usize = 4_096;

/// A write that runs inside the writer's transaction.
///
/// [`run`](Self::run) may be called again after the transaction was rolled back. A refusal or
/// [`StoreError::Corrupt`] is an answer, and MUST leave nothing written; any other error means that the transaction cannot
/// go on.
#[async_trait]
pub(crate) trait Write: Send + Sync + 'static {
    type Output: Send + 'static;

    async fn run(&self, connection: &mut SqliteConnection) -> Result<Self::Output, StoreError>;
}

/// Where the writes go: the connection, the file that it must be a connection to, and how the last write ended.
struct Target {
    pool: SqlitePool,
    file: OpenFile,
    health: Health,
}

/// What waits in the queue.
enum Job {
    /// Those of a batch share their statements.
    Orders(Box<OrdersTicket>),
    Other(Box<dyn Waiting>),
    Close(oneshot::Sender<()>),
}

/// The way into the queue. The task ends once all of them are dropped and the queue is empty.
#[derive(Clone)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Job>,
    health: Health,
    /// The caller's: every write is made in it, past the queue.
    pub(crate) transaction: Option<SharedTransaction>,
}

impl Writer {
    /// Starts the task. Must be called within a tokio runtime.
    pub(crate) fn spawn(pool: SqlitePool, file: OpenFile, health: Health) -> Self {
        let (queue, jobs) = mpsc::channel(QUEUE);
        tokio::spawn(task::run(Target { pool, file, health: health.clone() }, jobs));
        Self { queue, health, transaction: None }
    }

    pub(crate) async fn write<W: Write>(&self, write: W) -> Result<W::Output, StoreError> {
        if let Some(transaction) = &self.transaction {
            return transaction.write(write).await;
        }
        let claim = Claim::default();
        let (ticket, answer) = Ticket::new(write, claim.clone());
        self.submit(Job::Other(Box::new(ticket)), claim, answer).await
    }

    pub(crate) async fn commit_orders(&self, writes: &[OrderWrite]) -> Vec<Result<Option<OrderId>, StoreError>> {
        commit(writes, |writes| self.submit_orders(writes)).await
    }

    async fn submit_orders(&self, writes: Vec<OrderWrite>) -> Outcomes<Option<OrderId>> {
        if let Some(transaction) = &self.transaction {
            return transaction.write(Orders(writes)).await;
        }
        let claim = Claim::default();
        let (ticket, answer) = Ticket::new(writes, claim.clone());
        self.submit(Job::Orders(Box::new(ticket)), claim, answer).await
    }

    pub(crate) async fn commit_clients(&self, writes: &[ClientWrite]) -> Vec<Result<(), StoreError>> {
        commit(writes, |writes| self.write(Clients(writes))).await
    }

    /// Checks that writes are accepted and that the file is not known to be degraded. If that is not known, or may have
    /// passed, a probe is started in the background, for a later check to see.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] once the task has ended, [`StoreError::Degraded`].
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        if self.queue.is_closed() {
            return Err(ended());
        }
        if self.transaction.is_none() && self.health.start_probe() {
            let writer = self.clone();
            tokio::spawn(async move { writer.health.end_probe(writer.write(Probe).await) });
        }
        self.health.check()
    }

    /// Accepts no further writes, and waits until those in the queue are written or refused.
    pub(crate) async fn close(&self) {
        let (done, closed) = oneshot::channel();
        // Either error says that the task has ended already.
        if self.queue.send(Job::Close(done)).await.is_ok() {
            let _ = closed.await;
        }
    }

    /// Queues the write and waits for its outcome. A write that the task has not begun when the deadline passes, or when
    /// the caller drops this future, is never run.
    async fn submit<T>(
        &self,
        job: Job,
        claim: Claim,
        answer: oneshot::Receiver<Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let claim = claim.taken_on_drop();
        let outcome = async {
            self.queue.send(job).await.map_err(|_| ended())?;
            Ok(answer.await.ok())
        };
        // Without an answer: the deadline passed, or the task ended.
        let error = match tokio::time::timeout(WRITE_DEADLINE, outcome).await {
            Ok(Ok(Some(answer))) => return answer,
            Ok(Ok(None)) => ended(),
            Ok(Err(error)) => return Err(error),
            Err(elapsed) => StoreError::unavailable(elapsed),
        };
        if claim.take() { Err(error) } else { Err(StoreError::outcome_unknown(error)) }
    }
}

/// The outcomes of some writes, or the failure of their transaction.
type Outcomes<T> = Result<Vec<Result<T, StoreError>>, StoreError>;

/// Makes these writes, 1,000 in a transaction at most. If a transaction was rolled back because of one of its writes, each is
/// made on its own, so that the others succeed.
async fn commit<W: Clone, T, F>(writes: &[W], submit: impl Fn(Vec<W>) -> F) -> Vec<Result<T, StoreError>>
where
    F: Future<Output = Outcomes<T>>,
{
    let mut outcomes = Vec::with_capacity(writes.len());
    for chunk in writes.chunks(sql::CHUNK) {
        let made = submit(chunk.to_vec()).await;
        if chunk.len() > 1 && made.as_ref().is_err_and(|error| !is_of_the_store(error)) {
            for write in chunk {
                outcomes.append(&mut each(1, submit(vec![write.clone()]).await));
            }
        } else {
            outcomes.append(&mut each(chunk.len(), made));
        }
    }
    outcomes
}

/// The outcome of each write.
fn each<T>(writes: usize, made: Outcomes<T>) -> Vec<Result<T, StoreError>> {
    made.unwrap_or_else(|error| (0..writes).map(|_| Err(error.clone())).collect())
}

/// Writes of orders in a transaction of the caller's.
struct Orders(Vec<OrderWrite>);

#[async_trait]
impl Write for Orders {
    type Output = Vec<Result<Option<OrderId>, StoreError>>;

    async fn run(&self, connection: &mut SqliteConnection) -> Result<Self::Output, StoreError> {
        orders::commit(connection, &self.0.iter().collect::<Vec<_>>()).await
    }
}

/// Writes of clients.
struct Clients(Vec<ClientWrite>);

#[async_trait]
impl Write for Clients {
    type Output = Vec<Result<(), StoreError>>;

    async fn run(&self, connection: &mut SqliteConnection) -> Result<Self::Output, StoreError> {
        let mut outcomes = Vec::with_capacity(self.0.len());
        for write in &self.0 {
            outcomes.push(clients::commit(connection, write).await?);
        }
        Ok(outcomes)
    }
}

fn ended() -> StoreError {
    StoreError::unavailable("the store was closed: nothing is written any more")
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::sync::Notify;

    use super::*;
    use crate::SqliteStore;

    /// Begins, and goes on when it is notified.
    struct Stalled(Arc<Notify>);

    #[async_trait]
    impl Write for Stalled {
        type Output = ();

        async fn run(&self, _: &mut SqliteConnection) -> Result<(), StoreError> {
            self.0.notified().await;
            Ok(())
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_deadline_of_a_write_that_began_leaves_its_outcome_unknown_and_a_queued_one_is_never_run() {
        let dir = tempfile::tempdir().unwrap();
        let store = SqliteStore::open_or_create(dir.path().join("a.db"), 1).await.unwrap();
        let (first, second) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let (begun, queued) = tokio::join!(biased;
            store.writer.write(Stalled(Arc::clone(&first))),
            async {
                tokio::time::sleep(std::time::Duration::from_millis(200)).await;
                store.writer.write(Stalled(Arc::clone(&second))).await
            }
        );
        assert!(matches!(begun, Err(StoreError::OutcomeUnknown { .. })), "{begun:?}");
        assert!(matches!(queued, Err(StoreError::Unavailable { .. })), "{queued:?}");
        first.notify_one();
        // The second would stall the writer for ever.
        store.writer.close().await;
    }
}
