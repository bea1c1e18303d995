//! Records that are written together, and the callers that wait for them.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use provesi_core::{AuditRecord, StoreError};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// Resolves a caller's wait for the commit.
pub(crate) type Done = oneshot::Sender<Result<(), StoreError>>;

/// A record that is to be stored.
pub(crate) struct Job {
    record: AuditRecord,
    /// Where a caller waits for the commit.
    done: Option<Done>,
}

/// A record in a batch, without the record.
struct Ticket {
    is_read: bool,
    done: Option<Done>,
    /// Its place in the queue, released once it is written.
    _place: OwnedSemaphorePermit,
}

impl Job {
    pub(crate) fn new(record: AuditRecord, done: Option<Done>) -> Self {
        Self { record, done }
    }

    /// Whether the caller gets nothing before the commit, so that the record need not be kept where it is not stored.
    pub(crate) fn is_refusable(&self) -> bool {
        self.done.is_some() && self.record.action.is_read()
    }

    pub(crate) fn into_parts(self) -> (AuditRecord, Option<Done>) {
        (self.record, self.done)
    }
}

impl Ticket {
    /// Whether it is a read whose caller stopped waiting, and got nothing.
    fn is_void(&self) -> bool {
        self.is_read && self.done.as_ref().is_some_and(oneshot::Sender::is_closed)
    }
}

/// The most records of a batch, and the most subjects: what bounds how long one append takes.
pub(crate) const MAX_RECORDS: usize = 4_096;
const MAX_SUBJECTS: usize = 32_768;

/// Records in the order in which they came.
#[derive(Default)]
pub(crate) struct Batch {
    records: Vec<AuditRecord>,
    tickets: Vec<Ticket>,
    subjects: usize,
}

impl Batch {
    pub(crate) fn push(&mut self, Job { record, done }: Job, place: OwnedSemaphorePermit) {
        let ticket = Ticket { is_read: record.action.is_read(), done, _place: place };
        if !ticket.is_void() {
            self.add(record, ticket);
        }
    }

    fn add(&mut self, record: AuditRecord, ticket: Ticket) {
        self.subjects += record.subjects.len();
        self.records.push(record);
        self.tickets.push(ticket);
    }

    pub(crate) fn records(&self) -> &[AuditRecord] {
        &self.records
    }

    pub(crate) fn into_records(self) -> Vec<AuditRecord> {
        self.records
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.records.len() >= MAX_RECORDS || self.subjects >= MAX_SUBJECTS
    }

    /// Whether somebody waits for a commit.
    pub(crate) fn is_awaited(&self) -> bool {
        self.tickets.iter().any(|ticket| ticket.done.is_some())
    }

    /// Resolves the waits of the callers: the records are committed.
    pub(crate) fn committed(self) {
        for done in self.tickets.into_iter().filter_map(|ticket| ticket.done) {
            // A caller that is gone needs no answer.
            let _ = done.send(Ok(()));
        }
    }

    /// Fails the waits of the callers, and returns the records to try again: all but reads whose caller got the error,
    /// and nothing else.
    pub(crate) fn failed(self, failure: &Failure) -> Self {
        let mut left = Self::default();
        for (record, mut ticket) in self.records.into_iter().zip(self.tickets) {
            let refused = ticket.done.take().map(|done| done.send(Err(failure.to_store_error()))).is_some();
            if !refused || !ticket.is_read {
                left.add(record, ticket);
            }
        }
        left
    }

    /// The same records, each in a batch of its own.
    pub(crate) fn apart(self) -> impl Iterator<Item = Self> {
        self.records.into_iter().zip(self.tickets).map(|(record, ticket)| {
            let mut one = Self::default();
            one.add(record, ticket);
            one
        })
    }

    /// Keeps so many records, and gives the others.
    pub(crate) fn split_off(&mut self, records: usize) -> Self {
        if self.records.len() <= records {
            return Self::default();
        }
        let (records, tickets) = (self.records.split_off(records), self.tickets.split_off(records));
        let subjects = records.iter().map(|record| record.subjects.len()).sum();
        self.subjects -= subjects;
        Self { records, tickets, subjects }
    }

    /// Takes over what `other` holds.
    pub(crate) fn absorb(&mut self, other: Self) {
        self.subjects += other.subjects;
        self.records.extend(other.records);
        self.tickets.extend(other.tickets);
    }
}

/// One failure of an append, for the callers of all its records.
#[derive(Clone, Debug)]
pub(crate) struct Failure(Arc<StoreError>);

impl Failure {
    pub(crate) fn new(error: StoreError) -> Self {
        Self(Arc::new(error))
    }

    /// Whether to append the same records again later. After an unknown outcome as well: a record that is there twice
    /// harms less than one that is missing.
    pub(crate) fn is_retried(&self) -> bool {
        self.0.is_transient() || matches!(*self.0, StoreError::OutcomeUnknown { .. })
    }

    fn to_store_error(&self) -> StoreError {
        if self.is_retried() { StoreError::unavailable(self.clone()) } else { StoreError::backend(self.clone()) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the record could not be appended")
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}
