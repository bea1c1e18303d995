//! The one writer: a bounded queue, and a task that takes all writes that wait, runs them in one transaction, commits
//! once and then answers each. SQLite has one writer at a time anyway; what costs is the sync of each commit, and so
//! those who wait together share one.

mod batch;
mod task;

use async_trait::async_trait;
use provesi_core::{NewOrder, Order, Stamp, StoreError};
use sqlx::sqlite::{SqliteConnection, SqlitePool};
use tokio::sync::{mpsc, oneshot};

use crate::file::OpenFile;
use crate::options::WRITE_DEADLINE;
use batch::{Ticket, Waiting};

/// How many writes may wait. Whoever comes then waits for a place.
const QUEUE: usize = 4_096;

/// A write that runs inside the writer's transaction.
///
/// [`run`](Self::run) may be called again after the transaction was rolled back. An error other than
/// [`StoreError::Unavailable`] or [`StoreError::Backend`] is an answer, and MUST leave nothing written; those two mean
/// that the transaction cannot go on.
#[async_trait]
pub(crate) trait Write: Send + Sync + 'static {
    type Output: Send + 'static;

    async fn run(&self, connection: &mut SqliteConnection) -> Result<Self::Output, StoreError>;
}

/// A new order to insert; those of a batch become one statement.
#[derive(Debug)]
pub(crate) struct InsertOrder {
    pub(crate) order: NewOrder,
    pub(crate) stamp: Stamp,
}

/// Where the writes go: the connection, and the file that it must be a connection to.
struct Target {
    pool: SqlitePool,
    file: OpenFile,
}

/// What waits in the queue.
enum Job {
    InsertOrder(Box<Ticket<InsertOrder, Order>>),
    Other(Box<dyn Waiting>),
    Close(oneshot::Sender<()>),
}

/// The way into the queue. The task ends once all of them are dropped and the queue is empty.
#[derive(Clone)]
pub(crate) struct Writer {
    queue: mpsc::Sender<Job>,
}

impl Writer {
    /// Starts the task. Must be called within a tokio runtime.
    pub(crate) fn spawn(pool: SqlitePool, file: OpenFile) -> Self {
        let (queue, jobs) = mpsc::channel(QUEUE);
        tokio::spawn(task::run(Target { pool, file }, jobs));
        Self { queue }
    }

    pub(crate) async fn write<W: Write>(&self, write: W) -> Result<W::Output, StoreError> {
        let (ticket, answer) = Ticket::new(write);
        self.ask(Job::Other(Box::new(ticket)), answer).await
    }

    pub(crate) async fn insert_order(&self, insert: InsertOrder) -> Result<Order, StoreError> {
        let (ticket, answer) = Ticket::new(insert);
        self.ask(Job::InsertOrder(Box::new(ticket)), answer).await
    }

    /// Whether writes are taken.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] once the task has ended, closed or by a bug.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        if self.queue.is_closed() { Err(ended()) } else { Ok(()) }
    }

    /// Has all that waits written, and the task ended. Nothing is accepted afterwards.
    pub(crate) async fn close(&self) {
        let (done, closed) = oneshot::channel();
        // Either error says that the task has ended already.
        if self.queue.send(Job::Close(done)).await.is_ok() {
            let _ = closed.await;
        }
    }

    async fn ask<T>(&self, job: Job, answer: oneshot::Receiver<Result<T, StoreError>>) -> Result<T, StoreError> {
        self.within_deadline(async {
            self.send(job).await?;
            answer.await.map_err(|_| ended())?
        })
        .await
    }

    async fn send(&self, job: Job) -> Result<(), StoreError> {
        self.queue.send(job).await.map_err(|_| ended())
    }

    async fn within_deadline<T>(&self, write: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        match tokio::time::timeout(WRITE_DEADLINE, write).await {
            Ok(result) => result,
            Err(elapsed) => Err(StoreError::unavailable(elapsed)),
        }
    }
}

fn ended() -> StoreError {
    StoreError::unavailable("the store was closed: nothing is written any more")
}
