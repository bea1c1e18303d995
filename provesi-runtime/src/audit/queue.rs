//! The queue, as its callers see it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use provesi_core::{AuditChain, AuditRecord, AuditSink, AuditStore, StoreError};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::time::{Instant, timeout};
use tokio_util::task::TaskTracker;

use super::batch::{Done, Job};
use super::trouble::Trouble;
use super::worker::{Closing, Gathering, LAST_APPEND, Worker};

/// When a record is acknowledged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuditAck {
    /// Once it is in the queue.
    #[default]
    Queued,
    /// Once it is committed. Every audited read then waits for a commit, which concurrent reads share.
    Committed,
}

/// The options of a queue.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct QueueOptions {
    /// The chain; without a key by default.
    pub chain: AuditChain,
    /// When a record is acknowledged.
    pub ack: AuditAck,
    /// How long queued records gather before they are appended in one transaction, if no caller waits for them: half a
    /// second by default. Half of the capacity ends the wait early.
    pub gather: Duration,
    /// How many records and subjects may wait, counted together: 65,536 by default, which is some megabytes.
    pub capacity: u32,
    /// Takes the records that the store cannot take. By default there is none, and the caller gets an error.
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

/// How long a record waits for capacity before it goes to the overflow.
const PLACE_DEADLINE: Duration = Duration::from_secs(1);

/// How long a caller waits for capacity and commit.
const COMMIT_DEADLINE: Duration = Duration::from_millis(2_950);

/// [`COMMIT_DEADLINE`] while the store is known to fail: the request may already have waited for the same server.
const KNOWN_TO_FAIL: Duration = Duration::from_millis(500);

/// How long the task may take to hand the remaining records to the overflow, after the last append.
const LAST_SPILL: Duration = Duration::from_secs(1);

/// A queue of audit records and the task that appends them, see the crate documentation. Handles are cheap to clone and
/// share both.
#[derive(Clone)]
pub struct AuditQueue {
    shared: Arc<Shared>,
}

struct Shared {
    ack: AuditAck,
    /// The capacity. A record holds a permit for itself and each subject until it is appended.
    places: Arc<Semaphore>,
    capacity: u32,
    /// Notified when half of the capacity is in use.
    enough: Arc<Notify>,
    jobs: mpsc::UnboundedSender<(Job, OwnedSemaphorePermit)>,
    /// Records that wait for capacity.
    waiting: TaskTracker,
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
            // A panic drops the sender, which ends the wait in `close`.
            let ending = ending;
            worker.run().await;
            ending.send_replace(true);
        });
        let places = Arc::new(Semaphore::new(capacity as usize));
        Self {
            shared: Arc::new(Shared {
                ack,
                places,
                capacity,
                enough,
                jobs,
                waiting: TaskTracker::new(),
                closing,
                ended,
                trouble,
            }),
        }
    }

    /// Appends the queued records within `limit`, hands the remaining ones to the overflow, and ends the task. Records that
    /// come later are refused.
    pub async fn close(&self, limit: Duration) {
        self.shared.places.close();
        self.shared.closing.send_replace(Some(Closing { until: Instant::now() + limit }));
        self.shared.waiting.close();
        let mut ended = self.shared.ended.clone();
        let end = async {
            let is_ended = ended.wait_for(|ended| *ended).await.is_ok();
            self.shared.waiting.wait().await;
            is_ended
        };
        // An append that began before the limit may continue after it.
        if !timeout(limit + LAST_APPEND + LAST_SPILL, end).await.unwrap_or(false) {
            tracing::error!("the audit queue did not end: audit records may be lost");
        }
    }

    /// Queues a record. After [`PLACE_DEADLINE`] without capacity it goes to the overflow, unless refusing the caller is
    /// enough.
    async fn enqueue(&self, record: AuditRecord, done: Option<Done>) -> Result<(), StoreError> {
        let weight = u32::try_from(1 + record.subjects.len()).unwrap_or(u32::MAX).min(self.shared.capacity);
        let half = self.shared.capacity as usize / 2;
        if self.shared.places.available_permits() < half + weight as usize {
            self.shared.enough.notify_one();
        }
        let mut job = Job::new(record, done);
        if let Ok(place) = Arc::clone(&self.shared.places).try_acquire_many_owned(weight) {
            match self.shared.send(job, place) {
                None => return Ok(()),
                Some(returned) => job = returned,
            }
        }
        let shared = Arc::clone(&self.shared);
        if job.is_refusable() {
            return shared.wait_for_place(job, weight).await;
        }
        // In a task, so that dropping the caller does not drop the record.
        let waiting = self.shared.waiting.spawn(async move { shared.wait_for_place(job, weight).await });
        waiting.await.unwrap_or_else(|_| Err(StoreError::unavailable(CLOSED)))
    }

    async fn commit(&self, record: AuditRecord) -> Result<(), StoreError> {
        let (done, answer) = oneshot::channel();
        self.enqueue(record, Some(done)).await?;
        answer.await.unwrap_or_else(|_| Err(StoreError::unavailable("the audit has ended")))
    }
}

const CLOSED: &str = "the audit was closed";

impl Shared {
    async fn wait_for_place(&self, job: Job, weight: u32) -> Result<(), StoreError> {
        let (job, why) = match timeout(PLACE_DEADLINE, Arc::clone(&self.places).acquire_many_owned(weight)).await {
            Ok(Ok(place)) => match self.send(job, place) {
                None => return Ok(()),
                Some(job) => (job, CLOSED),
            },
            Ok(Err(_)) => (job, CLOSED),
            Err(_) => (job, "the audit cannot keep up"),
        };
        if job.is_refusable() {
            return Err(StoreError::unavailable(why));
        }
        let (record, done) = job.into_parts();
        let spilled = self.trouble.spill(record, why).await;
        match done {
            None => spilled,
            Some(done) => {
                // The caller may have stopped waiting.
                let _ = done.send(spilled);
                Ok(())
            }
        }
    }

    /// Queues a record, or returns it if the worker has ended.
    fn send(&self, job: Job, place: OwnedSemaphorePermit) -> Option<Job> {
        self.jobs.send((job, place)).err().map(|mpsc::error::SendError((job, _))| job)
    }
}

#[async_trait]
impl AuditSink for AuditQueue {
    async fn record(&self, record: AuditRecord) -> Result<(), StoreError> {
        match self.shared.ack {
            AuditAck::Queued => self.enqueue(record, None).await,
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
