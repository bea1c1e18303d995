//! Writes that are committed together, and the answers that wait for the commit.

use async_trait::async_trait;
use provesi_core::{Order, StoreError};
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::{Claim, InsertOrder, Job, Target, Write};
use crate::error::{Shared, commit_error, is_busy, store_error};
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

    fn answer(self, failure: Option<&Shared>) {
        let result = match (failure, self.outcome) {
            (Some(failure), _) => Err(failure.to_store_error()),
            (None, Some(outcome)) => outcome,
            (None, None) => Err(StoreError::backend("the write was left out of its batch")),
        };
        // The caller may be gone.
        let _ = self.caller.send(result);
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
    fn answer(self: Box<Self>, failure: Option<&Shared>);
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

    fn answer(self: Box<Self>, failure: Option<&Shared>) {
        Ticket::answer(*self, failure);
    }
}

/// Writes that share a transaction. All of them are concurrent, so their order is free.
#[derive(Default)]
pub(super) struct Batch {
    inserts: Vec<Ticket<InsertOrder, Order>>,
    others: Vec<Box<dyn Waiting>>,
    /// The callers that wait for the end of the task.
    pub(super) closing: Vec<oneshot::Sender<()>>,
}

impl Batch {
    pub(super) fn push(&mut self, job: Job) {
        match job {
            Job::InsertOrder(ticket) => self.inserts.push(*ticket),
            Job::Other(ticket) => self.others.push(ticket),
            Job::Close(done) => self.closing.push(done),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.inserts.len() + self.others.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Runs and commits all writes. On an error nothing is written.
    pub(super) async fn commit(&mut self, target: &Target) -> Result<(), Shared> {
        // Before a connection is opened, which would be one to another file.
        target.file.check().map_err(Shared::new)?;
        let mut connection = target.pool.acquire().await.map_err(|error| Shared::new(store_error(error)))?;
        let result = self.transact(&mut connection, &target.file).await.map_err(Shared::new);
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
        self.inserts.retain_mut(Ticket::begin);
        self.others.retain_mut(|ticket| ticket.begin());
    }

    async fn run(&mut self, connection: &mut SqliteConnection) -> Result<(), StoreError> {
        if !self.inserts.is_empty() {
            let inserts: Vec<&InsertOrder> = self.inserts.iter().map(|ticket| &ticket.write).collect();
            let outcomes = orders::insert_all(connection, &inserts).await?;
            for (ticket, outcome) in self.inserts.iter_mut().zip(outcomes) {
                ticket.outcome = Some(outcome);
            }
        }
        for ticket in &mut self.others {
            ticket.run(connection).await?;
        }
        Ok(())
    }

    /// Gives every caller the outcome.
    pub(super) fn answer(self, failure: Option<&Shared>) {
        self.inserts.into_iter().for_each(|ticket| ticket.answer(failure));
        self.others.into_iter().for_each(|ticket| ticket.answer(failure));
    }

    /// The same writes, each in a batch of its own.
    pub(super) fn apart(self) -> impl Iterator<Item = Self> {
        let inserts = self.inserts.into_iter().map(|ticket| Self { inserts: vec![ticket], ..Self::default() });
        let others = self.others.into_iter().map(|ticket| Self { others: vec![ticket], ..Self::default() });
        inserts.chain(others)
    }
}
