//! Records that are appended together, and the callers that wait for them.

use provesi_core::{AuditRecord, StoreError};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

/// Resolves a caller's wait for the commit.
pub(super) type Done = oneshot::Sender<Result<(), StoreError>>;

/// A record to store.
pub(super) struct Job {
    record: AuditRecord,
    /// Resolves the wait of a caller, if one waits for the commit.
    done: Option<Done>,
}

/// What a batch knows of a record besides the record.
struct Ticket {
    is_read: bool,
    done: Option<Done>,
    /// Its share of the capacity of the queue, released on drop.
    _place: OwnedSemaphorePermit,
}

impl Job {
    pub(super) fn new(record: AuditRecord, done: Option<Done>) -> Self {
        Self { record, done }
    }

    /// Whether refusing the caller is enough if the record cannot be stored: the caller has read nothing yet.
    pub(super) fn is_refusable(&self) -> bool {
        self.done.is_some() && self.record.action.is_read()
    }

    pub(super) fn into_parts(self) -> (AuditRecord, Option<Done>) {
        (self.record, self.done)
    }
}

impl Ticket {
    /// Whether it is a read whose caller has stopped waiting and read nothing.
    fn is_void(&self) -> bool {
        self.is_read && self.done.as_ref().is_some_and(oneshot::Sender::is_closed)
    }
}

/// Limits of a batch, which bound the time of an append.
pub(super) const MAX_RECORDS: usize = 4_096;
const MAX_SUBJECTS: usize = 32_768;

/// Records in the order of their arrival.
#[derive(Default)]
pub(super) struct Batch {
    records: Vec<AuditRecord>,
    tickets: Vec<Ticket>,
    subjects: usize,
}

impl Batch {
    pub(super) fn push(&mut self, Job { record, done }: Job, place: OwnedSemaphorePermit) {
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

    pub(super) fn records(&self) -> &[AuditRecord] {
        &self.records
    }

    pub(super) fn into_records(self) -> Vec<AuditRecord> {
        self.records
    }

    pub(super) fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.records.len() >= MAX_RECORDS || self.subjects >= MAX_SUBJECTS
    }

    /// Whether a caller waits for the commit.
    pub(super) fn is_awaited(&self) -> bool {
        self.tickets.iter().any(|ticket| ticket.done.is_some())
    }

    /// Resolves the waits of the callers: the records are committed.
    pub(super) fn committed(self) {
        for done in self.tickets.into_iter().filter_map(|ticket| ticket.done) {
            // The caller may have stopped waiting.
            let _ = done.send(Ok(()));
        }
    }

    /// Fails the waits of the callers, and returns the records to retry: all but reads that were refused by that.
    pub(super) fn failed(self, error: &StoreError) -> Self {
        let mut left = Self::default();
        for (record, mut ticket) in self.records.into_iter().zip(self.tickets) {
            let refused = ticket.done.take().map(|done| done.send(Err(refusal(error)))).is_some();
            if !refused || !ticket.is_read {
                left.add(record, ticket);
            }
        }
        left
    }

    /// A batch for each record.
    pub(super) fn into_singles(self) -> impl Iterator<Item = Self> {
        self.records.into_iter().zip(self.tickets).map(|(record, ticket)| {
            let mut one = Self::default();
            one.add(record, ticket);
            one
        })
    }

    /// Keeps the first `records` records and returns the others.
    pub(super) fn split_off(&mut self, records: usize) -> Self {
        if self.records.len() <= records {
            return Self::default();
        }
        let (records, tickets) = (self.records.split_off(records), self.tickets.split_off(records));
        let subjects = records.iter().map(|record| record.subjects.len()).sum();
        self.subjects -= subjects;
        Self { records, tickets, subjects }
    }

    /// Appends the records of `other`.
    pub(super) fn absorb(&mut self, other: Self) {
        self.subjects += other.subjects;
        self.records.extend(other.records);
        self.tickets.extend(other.tickets);
    }
}

/// Whether to append records again later that failed with this error. Also after an unknown outcome: a duplicate harms less
/// than a missing record.
pub(super) fn is_retried(error: &StoreError) -> bool {
    error.is_transient() || matches!(error, StoreError::OutcomeUnknown { .. })
}

/// The error of a caller whose record could not be appended.
fn refusal(error: &StoreError) -> StoreError {
    if is_retried(error) { StoreError::unavailable(error.clone()) } else { StoreError::backend(error.clone()) }
}
