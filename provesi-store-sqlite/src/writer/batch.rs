//! Writes that are committed together, and the answers that wait for the commit.

use async_trait::async_trait;
use provesi_core::{OrderAction, OrderId, OrderWrite, StoreError};
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{Claim, Job, Target, Write};
use crate::error::{commit_error, is_busy, store_error};
use crate::file::OpenFile;
use crate::options::LOCK_PATIENCE;
use crate::orders;

/// A write, its caller, and its outcome, which the caller gets after the commit.
pub(super) struct Ticket<W, T> {
    write: W,
    claim: Claim,
    is_begun: bool,
    caller: oneshot::Sender<Result<T, StoreError>>,
    outcome: Option<Result<T, StoreError>>,
}

impl<W, T> Ticket<W, T> {
    pub(super) fn new(write: W, claim: Claim) -> (Self, oneshot::Receiver<Result<T, StoreError>>) {
        let (caller, answer) = oneshot::channel();
        (Self { write, claim, is_begun: false, caller, outcome: None }, answer)
    }

    /// Whether the write is to be run: false where its caller withdrew it before it was begun.
    fn begin(&mut self) -> bool {
        self.is_begun = self.is_begun || self.claim.take();
        self.is_begun
    }

    fn answer(self, failure: Option<&StoreError>) {
        let result = match (failure, self.outcome) {
            (Some(failure), _) => Err(failure.clone()),
            (None, Some(outcome)) => outcome,
            (None, None) => Err(StoreError::backend("the write was left out of its batch")),
        };
        // The caller may be gone.
        let _ = self.caller.send(result);
    }
}

/// Writes of orders.
pub(super) type OrdersTicket = Ticket<Vec<OrderWrite>, Vec<Result<Option<OrderId>, StoreError>>>;

impl OrdersTicket {
    fn only_inserts(&self) -> bool {
        self.write.iter().all(|write| matches!(write.action(), OrderAction::Insert(_)))
    }
}

/// A [`Ticket`] of any kind of write.
#[async_trait]
pub(super) trait Waiting: Send {
    /// See [`Ticket::begin`].
    fn begin(&mut self) -> bool;

    /// Runs the write. An error means that the transaction cannot go on.
    async fn run(&mut self, connection: &mut SqliteConnection) -> Result<(), StoreError>;

    /// Gives the caller the outcome, or the failure of the transaction.
    fn answer(self: Box<Self>, failure: Option<&StoreError>);
}

#[async_trait]
impl<W: Write> Waiting for Ticket<W, W::Output> {
    fn begin(&mut self) -> bool {
        Self::begin(self)
    }

    async fn run(&mut self, connection: &mut SqliteConnection) -> Result<(), StoreError> {
        match self.write.run(connection).await {
            Err(error) if error.is_fault() && !matches!(error, StoreError::Corrupt { .. }) => Err(error),
            outcome => {
                self.outcome = Some(outcome);
                Ok(())
            }
        }
    }

    fn answer(self: Box<Self>, failure: Option<&StoreError>) {
        Ticket::answer(*self, failure);
    }
}

/// Writes that share a transaction. All of them are concurrent, so their order is free.
#[derive(Default)]
pub(super) struct Batch {
    orders: Vec<OrdersTicket>,
    others: Vec<Box<dyn Waiting>>,
    /// The callers that wait for the end of the task.
    pub(super) closing: Vec<oneshot::Sender<()>>,
}

impl Batch {
    pub(super) fn push(&mut self, job: Job) {
        match job {
            Job::Orders(ticket) => self.orders.push(*ticket),
            Job::Other(ticket) => self.others.push(ticket),
            Job::Close(done) => self.closing.push(done),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.orders.len() + self.others.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Runs and commits all writes. On an error nothing is written.
    pub(super) async fn commit(&mut self, target: &Target) -> Result<(), StoreError> {
        // Before a connection is opened, which would be one to another file.
        target.file.check()?;
        let mut connection = target.pool.acquire().await.map_err(store_error)?;
        let result = self.transact(&mut connection, &target.file).await;
        if result.is_err() {
            // SQLite ends a transaction by itself on some errors, which the driver does not notice: it would take
            // the next BEGIN for a nested one. A new connection knows.
            connection.close_on_drop();
        }
        result
    }

    async fn transact(&mut self, connection: &mut SqliteConnection, file: &OpenFile) -> Result<(), StoreError> {
        let until = Instant::now() + LOCK_PATIENCE;
        loop {
            // IMMEDIATE, so that waiting for another process's write happens here and nowhere later.
            match connection.begin_with("BEGIN IMMEDIATE").await {
                Ok(mut transaction) => {
                    self.begin();
                    self.run(&mut transaction).await?;
                    // Last, so that as little as possible comes between the check and the commit.
                    file.check_with_log()?;
                    return transaction.commit().await.map_err(commit_error);
                }
                Err(error) if is_busy(&error) && Instant::now() < until => {}
                Err(error) => return Err(store_error(error)),
            }
        }
    }

    /// Drops the writes that their callers withdrew; from here on the others run, whatever their callers do.
    fn begin(&mut self) {
        self.orders.retain_mut(Ticket::begin);
        self.others.retain_mut(|ticket| ticket.begin());
    }

    async fn run(&mut self, connection: &mut SqliteConnection) -> Result<(), StoreError> {
        // So that all inserts follow each other and become one statement.
        self.orders.sort_by_key(|ticket| !ticket.only_inserts());
        let writes: Vec<&OrderWrite> = self.orders.iter().flat_map(|ticket| &ticket.write).collect();
        let mut outcomes = orders::commit(connection, &writes).await?.into_iter();
        for ticket in &mut self.orders {
            ticket.outcome = Some(Ok(outcomes.by_ref().take(ticket.write.len()).collect()));
        }
        for ticket in &mut self.others {
            ticket.run(connection).await?;
        }
        Ok(())
    }

    /// Gives every caller the outcome.
    pub(super) fn answer(self, failure: Option<&StoreError>) {
        self.orders.into_iter().for_each(|ticket| ticket.answer(failure));
        self.others.into_iter().for_each(|ticket| ticket.answer(failure));
    }

    /// The same writes, each in a batch of its own.
    pub(super) fn apart(self) -> impl Iterator<Item = Self> {
        let orders = self.orders.into_iter().map(|ticket| Self { orders: vec![ticket], ..Self::default() });
        let others = self.others.into_iter().map(|ticket| Self { others: vec![ticket], ..Self::default() });
        orders.chain(others)
    }
}
