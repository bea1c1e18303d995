//! The way into the queue.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use provesi_core::{AuditChain, AuditRecord, AuditSink, AuditStore, StoreError};
use tokio::sync::{Notify, Semaphore, mpsc, oneshot, watch};
use tokio::time::{Instant, timeout};

use crate::batch::Job;
use crate::trouble::Trouble;
use crate::worker::{Closing, Gathering, Worker};

/// When a record is acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuditAck {
    /// Once it is in the queue.
    #[default]
    Queued,
    /// Once it is committed. Every audited read then waits for a commit, which it shares with the others of its moment.
    Committed,
}

/// How a queue works.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct QueueOptions {
    /// How records are linked; without a key by default.
    pub chain: AuditChain,
    /// When a record is acknowledged.
    pub ack: AuditAck,
    /// How long records may gather that are acknowledged once they are queued, so that they share a transaction: half a
    /// second by default. They are written earlier where they take half of the places.
    pub gather: Duration,
    /// How many records and subjects may wait, counted together; 65,536 by default, some megabytes.
    pub capacity: u32,
    /// Where records go that the store cannot take; nowhere by default, and the caller is told.
    pub overflow: Option<Arc<dyn AuditSink>>,
}

impl Default for QueueOptions {
    fn default() -> Self {
        Self {
            chain: AuditChain::plain(),
            ack: AuditAck::default(),
            gather: Duration::from_millis(500),
            capacity: 65_536,
            overflow: None,
        }
    }
}

/// How long a caller waits for a place.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long a caller waits for the commit in all.
const COMMIT_DEADLINE: Duration = Duration::from_millis(2_950);

/// As [`COMMIT_DEADLINE`], while the store is known to fail: the request may have waited for the same server before, and
/// is not to wait for it twice.
const KNOWN_TO_FAIL: Duration = Duration::from_millis(500);

/// How long the last append may go on after the limit of [`AuditQueue::close`].
const LAST_APPEND: Duration = Duration::from_secs(3);

/// A queue of records of access and the task that writes them, see the crate's page. Handles are cheap to clone and share
/// both.
#[derive(Clone)]
pub struct AuditQueue {
    shared: Arc<Shared>,
}

struct Shared {
    ack: AuditAck,
    /// A record has as many as it counts for, from before it is queued until it is written: what bounds the queue.
    places: Arc<Semaphore>,
    capacity: u32,
    /// Told when half of the places are taken.
    enough: Arc<Notify>,
    jobs: mpsc::UnboundedSender<Job>,
    closing: watch::Sender<Option<Closing>>,
    ended: watch::Receiver<bool>,
    trouble: Arc<Trouble>,
}

impl AuditQueue {
    /// Starts the task that writes to `store`.
    ///
    /// # Panics
    /// Outside a tokio runtime.
    #[must_use]
    pub fn spawn(store: Arc<dyn AuditStore>, options: QueueOptions) -> Self {
        let QueueOptions { chain, ack, gather, capacity, overflow } = options;
        let capacity = capacity.max(1);
        let (jobs, received) = mpsc::unbounded_channel();
        let (closing, asked_to_close) = watch::channel(None);
        let (ending, ended) = watch::channel(false);
        let trouble = Arc::new(Trouble::new(overflow));
        let enough = Arc::new(Notify::new());
        let gathering = Gathering { time: gather, enough: Arc::clone(&enough) };
        let worker = Worker::new(store, chain, gathering, received, asked_to_close, Arc::clone(&trouble));
        tokio::spawn(async move {
            // Dropped also where the task panics: whoever waits for the end sees that.
            let ending = ending;
            worker.run().await;
            ending.send_replace(true);
        });
        let places = Arc::new(Semaphore::new(capacity as usize));
        Self { shared: Arc::new(Shared { ack, places, capacity, enough, jobs, closing, ended, trouble }) }
    }

    /// Writes what waits, for no longer than `limit`, and ends the task. What is left by then goes to the overflow, if
    /// there is one. Nothing is taken afterwards.
    pub async fn close(&self, limit: Duration) {
        self.shared.places.close();
        self.shared.closing.send_replace(Some(Closing { until: Instant::now() + limit }));
        let mut ended = self.shared.ended.clone();
        // An error says that the task is gone. An append that was begun before the limit may take as long as the store lets
        // it.
        if timeout(limit + LAST_APPEND, ended.wait_for(|ended| *ended)).await.is_err() {
            tracing::error!("the store of the audit did not answer before the end: records of access may be lost");
        }
    }

    /// Puts a record into the queue, once there is a place.
    async fn enqueue(&self, record: AuditRecord, done: Option<oneshot::Sender<Result<(), StoreError>>>) -> Put {
        let shared = &*self.shared;
        let weight = u32::try_from(1 + record.subjects.len()).unwrap_or(u32::MAX).min(shared.capacity);
        let half = shared.capacity as usize / 2;
        if shared.places.available_permits() < half + weight as usize {
            shared.enough.notify_one();
        }
        let place = match timeout(PATIENCE, Arc::clone(&shared.places).acquire_many_owned(weight)).await {
            Ok(Ok(place)) => place,
            Ok(Err(_)) => return Put::Left(record, "the audit was closed"),
            Err(_) => return Put::Left(record, "the audit cannot keep up with what is to be recorded"),
        };
        match shared.jobs.send(Job::new(record, place, done)) {
            Ok(()) => Put::Queued,
            Err(mpsc::error::SendError(job)) => Put::Left(job.into_record(), "the audit was closed"),
        }
    }

    async fn commit(&self, record: AuditRecord) -> Result<(), StoreError> {
        let is_read = record.action.is_read();
        let (done, answer) = oneshot::channel();
        match self.enqueue(record, Some(done)).await {
            Put::Queued => answer.await.unwrap_or_else(|_| Err(StoreError::unavailable("the audit has ended"))),
            // Nothing is handed out, so there is nothing to record.
            Put::Left(_, why) if is_read => Err(StoreError::unavailable(why)),
            Put::Left(record, why) => self.shared.trouble.spill(record, why).await,
        }
    }
}

/// What became of a record that was to be queued.
enum Put {
    Queued,
    Left(AuditRecord, &'static str),
}

#[async_trait]
impl AuditSink for AuditQueue {
    async fn record(&self, record: AuditRecord) -> Result<(), StoreError> {
        match self.shared.ack {
            AuditAck::Queued => match self.enqueue(record, None).await {
                Put::Queued => Ok(()),
                Put::Left(record, why) => self.shared.trouble.spill(record, why).await,
            },
            AuditAck::Committed => {
                let deadline = if self.shared.trouble.is_known() { KNOWN_TO_FAIL } else { COMMIT_DEADLINE };
                match timeout(deadline, self.commit(record)).await {
                    Ok(committed) => committed,
                    Err(late) => Err(StoreError::unavailable(late)),
                }
            }
        }
    }
}

impl fmt::Debug for AuditQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditQueue").field("ack", &self.shared.ack).finish_non_exhaustive()
    }
}
