//! Records that are written together, and who waits for them.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use provesi_core::{AuditRecord, StoreError};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

type Done = oneshot::Sender<Result<(), StoreError>>;

/// A record in the queue.
pub(crate) struct Job {
    record: AuditRecord,
    ticket: Ticket,
}

/// What a record has beside itself.
struct Ticket {
    is_read: bool,
    /// Who waits for its commit, if anybody does.
    done: Option<Done>,
    /// Its place in the queue, given back once it is written.
    _place: OwnedSemaphorePermit,
}

impl Job {
    pub(crate) fn new(record: AuditRecord, place: OwnedSemaphorePermit, done: Option<Done>) -> Self {
        let ticket = Ticket { is_read: record.action.is_read(), done, _place: place };
        Self { record, ticket }
    }

    pub(crate) fn into_record(self) -> AuditRecord {
        self.record
    }
}

impl Ticket {
    /// Whether it is of no account any more: a read whose caller stopped waiting, who was handed nothing.
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
    pub(crate) fn push(&mut self, Job { record, ticket }: Job) {
        if ticket.is_void() {
            return;
        }
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

    /// Tells everybody that the records are committed.
    pub(crate) fn committed(self) {
        for done in self.tickets.into_iter().filter_map(|ticket| ticket.done) {
            // Whoever no longer waits does not need to know.
            let _ = done.send(Ok(()));
        }
    }

    /// Tells everybody that they are not, and gives back those that are to be tried again: all but reads whose caller
    /// was told, and is handed nothing.
    pub(crate) fn failed(self, failure: &Failure) -> Self {
        let mut left = Self::default();
        for (record, mut ticket) in self.records.into_iter().zip(self.tickets) {
            let told = ticket.done.take().map(|done| done.send(Err(failure.to_store_error())));
            if told.is_none() || !ticket.is_read {
                left.push(Job { record, ticket });
            }
        }
        left
    }

    /// The same records, each in a batch of its own.
    pub(crate) fn apart(self) -> impl Iterator<Item = Self> {
        self.records.into_iter().zip(self.tickets).map(|(record, ticket)| {
            let mut one = Self::default();
            one.push(Job { record, ticket });
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

/// One failure that several callers are told of.
#[derive(Clone, Debug)]
pub(crate) struct Failure(Arc<StoreError>);

impl Failure {
    pub(crate) fn new(error: StoreError) -> Self {
        Self(Arc::new(error))
    }

    pub(crate) fn is_transient(&self) -> bool {
        self.0.is_transient()
    }

    fn to_store_error(&self) -> StoreError {
        if self.is_transient() { StoreError::unavailable(self.clone()) } else { StoreError::backend(self.clone()) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the record could not be appended")
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        // The meaning is told already; what lies below it is the news.
        Error::source(&*self.0)
    }
}
