//! The task that empties the queue.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use provesi_core::{AuditChain, AuditHead, AuditStore, StoreError};
use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

use super::batch::{Batch, Job, MAX_RECORDS, is_retried};
use super::head::KnownHead;
use super::trouble::Trouble;

/// The first and the longest pause before a retry.
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(2);

/// The smallest limit of an append: few enough records for any store, and enough to append the backlog of an outage soon.
const MIN_RECORDS: usize = 256;

/// The limit if the last handle is dropped without [`close`](crate::AuditQueue::close).
const DEFAULT_LIMIT: Duration = Duration::from_secs(5);

/// How long an append may continue after the limit. Then its records go to the overflow.
pub(super) const LAST_APPEND: Duration = Duration::from_secs(3);

/// A request to end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Closing {
    /// When the remaining records go to the overflow.
    pub(super) until: Instant,
}

/// How records gather that no caller waits for. Otherwise each read would cost a commit.
pub(super) struct Gathering {
    /// The longest time.
    pub(super) time: Duration,
    /// Notified when enough records wait.
    pub(super) enough: Arc<Notify>,
}

pub(super) struct Worker {
    store: Arc<dyn AuditStore>,
    chain: AuditChain,
    gathering: Gathering,
    jobs: mpsc::UnboundedReceiver<(Job, OwnedSemaphorePermit)>,
    closing: watch::Receiver<Option<Closing>>,
    trouble: Arc<Trouble>,
    head: KnownHead,
    /// The most records of an append. Halved after a failure: a store that is too slow for so many would always fail.
    append_limit: usize,
    /// [`Closing::until`], once the queue ends.
    until: Option<Instant>,
}

impl Worker {
    pub(super) fn new(
        store: Arc<dyn AuditStore>,
        chain: AuditChain,
        gathering: Gathering,
        jobs: mpsc::UnboundedReceiver<(Job, OwnedSemaphorePermit)>,
        closing: watch::Receiver<Option<Closing>>,
        trouble: Arc<Trouble>,
    ) -> Self {
        let head = KnownHead::new(Arc::clone(&store), chain.clone());
        Self { store, chain, gathering, jobs, closing, trouble, head, append_limit: MAX_RECORDS, until: None }
    }

    pub(super) async fn run(mut self) {
        let mut batch = Batch::default();
        let mut retry = FIRST_RETRY;
        within(&self.closing, self.head.begin()).await;
        loop {
            if self.head.is_due() {
                within(&self.closing, self.head.report_hourly()).await;
            }
            if batch.is_empty() {
                let Some((job, place)) = self.next().await else { break };
                batch.push(job, place);
                self.gather(&mut batch).await;
            } else {
                // Callers of newer records may wait for the commit.
                self.take(&mut batch);
            }
            batch = self.write(batch).await;
            if batch.is_empty() {
                retry = FIRST_RETRY;
            } else {
                if self.is_over() {
                    break;
                }
                self.pause(retry).await;
                retry = LAST_RETRY.min(retry * 2);
            }
        }
        self.give_up(batch).await;
    }

    /// The next record; `None` once the queue is closed and empty.
    async fn next(&mut self) -> Option<(Job, OwnedSemaphorePermit)> {
        loop {
            if self.until.is_some() {
                return self.jobs.recv().await;
            }
            tokio::select! {
                biased;
                () = asked(&mut self.closing) => self.begin_to_end(),
                job = self.jobs.recv() => return job,
                () = sleep_until(self.head.due()) => {
                    within(&self.closing, self.head.report_hourly()).await;
                }
            }
        }
    }

    /// Takes the queued records, and lets more gather if no caller waits for the batch. Waking this task for each of them
    /// would cost more than its share of the append.
    async fn gather(&mut self, batch: &mut Batch) {
        self.take(batch);
        if batch.is_empty() || batch.is_full() || batch.is_awaited() || self.until.is_some() {
            return;
        }
        tokio::select! {
            biased;
            () = asked(&mut self.closing) => self.begin_to_end(),
            () = self.gathering.enough.notified() => {}
            () = sleep(self.gathering.time) => {}
        }
        self.take(batch);
    }

    /// Takes the queued records.
    fn take(&mut self, batch: &mut Batch) {
        while !batch.is_full()
            && let Ok((job, place)) = self.jobs.try_recv()
        {
            batch.push(job, place);
        }
    }

    /// Appends a batch. A panic of the store is a failure: the task and its records survive.
    async fn append(&self, batch: &Batch) -> Result<AuditHead, StoreError> {
        match within(&self.closing, self.store.append(&self.chain, batch.records())).await {
            Some(Ok(result)) => result,
            Some(Err(_panic)) => Err(StoreError::backend("the audit store panicked")),
            None => Err(StoreError::outcome_unknown("the audit store did not answer before the end")),
        }
    }

    /// Writes a batch, and returns the records to retry.
    async fn write(&mut self, mut batch: Batch) -> Batch {
        while !batch.is_empty() {
            let rest = batch.split_off(self.append_limit);
            let error = match self.append(&batch).await {
                Ok(head) => {
                    self.trouble.end();
                    if rest.is_empty() {
                        self.append_limit = MAX_RECORDS.min(self.append_limit * 2);
                    }
                    batch.committed();
                    batch = rest;
                    // Callers do not wait for the check.
                    within(&self.closing, self.head.appended(head)).await;
                    if self.is_over() {
                        return batch;
                    }
                    continue;
                }
                Err(error) => error,
            };
            self.trouble.begin(&error);
            if is_retried(&error) {
                // The store may be too slow for so many.
                self.append_limit = (batch.records().len() / 2).max(MIN_RECORDS);
                batch.absorb(rest);
                return batch.failed(&error);
            }
            if batch.records().len() == 1 {
                // A retry would fail again.
                self.spill(batch.failed(&error)).await;
                batch = rest;
                continue;
            }
            // One record may be the cause: append each alone.
            let mut left = Batch::default();
            for one in batch.into_singles().chain([rest]) {
                // Not if the store fails for another reason, or the limit has passed.
                let goes_on = left.is_empty() && !self.is_over();
                left.absorb(if goes_on { Box::pin(self.write(one)).await } else { one });
            }
            return left;
        }
        batch
    }

    /// Waits before the next attempt, at most until the limit.
    async fn pause(&mut self, retry: Duration) {
        let mut wake = Instant::now() + retry;
        if self.until.is_none() {
            if self.jobs.is_closed() {
                self.begin_to_end();
            } else {
                tokio::select! {
                    () = asked(&mut self.closing) => self.begin_to_end(),
                    () = sleep_until(wake) => {}
                }
                return;
            }
        }
        wake = self.until.map_or(wake, |until| until.min(wake));
        sleep_until(wake).await;
    }

    /// Whether the limit has passed.
    fn is_over(&mut self) -> bool {
        if self.until.is_none() && (self.closing.borrow().is_some() || self.jobs.is_closed()) {
            self.begin_to_end();
        }
        self.until.is_some_and(|until| Instant::now() >= until)
    }

    fn begin_to_end(&mut self) {
        let closing = *self.closing.borrow();
        self.until = Some(closing.map_or_else(|| Instant::now() + DEFAULT_LIMIT, |closing| closing.until));
        self.jobs.close();
    }

    /// Hands the remaining records to the overflow.
    async fn give_up(mut self, mut batch: Batch) {
        self.jobs.close();
        // Also records whose senders have not finished yet.
        while let Some((job, place)) = self.jobs.recv().await {
            batch.push(job, place);
        }
        self.spill(batch).await;
        self.trouble.log_spilled();
        self.head.report("stop");
    }

    async fn spill(&self, batch: Batch) {
        for record in batch.into_records() {
            // Without an overflow, the count is logged.
            let _ = self.trouble.spill(record, "the store refuses the record, or did not answer before the end").await;
        }
    }
}

/// Resolves once the queue is asked to end, or its last handle was dropped.
async fn asked(closing: &mut watch::Receiver<Option<Closing>>) {
    let _ = closing.wait_for(Option::is_some).await;
}

/// The output of a call to the store, or its panic; `None` if it takes until [`LAST_APPEND`] after the limit.
async fn within<T>(
    closing: &watch::Receiver<Option<Closing>>,
    call: impl Future<Output = T>,
) -> Option<std::thread::Result<T>> {
    let mut closing = closing.clone();
    let end = async {
        let limit = closing.wait_for(Option::is_some).await.ok().and_then(|closing| *closing);
        let until = limit.map_or_else(|| Instant::now() + DEFAULT_LIMIT, |closing| closing.until);
        sleep_until(until + LAST_APPEND).await;
    };
    tokio::select! {
        biased;
        output = AssertUnwindSafe(call).catch_unwind() => Some(output),
        () = end => None,
    }
}
