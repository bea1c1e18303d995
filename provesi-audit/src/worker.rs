//! The task that empties the queue.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use provesi_core::{AuditChain, AuditHead, AuditStore, StoreError};
use tokio::sync::{Notify, OwnedSemaphorePermit, mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};

use crate::batch::{Batch, Failure, Job, MAX_RECORDS};
use crate::head::KnownHead;
use crate::trouble::Trouble;

/// How long to wait before records that could not be written are tried again: at first, and at last.
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(2);

/// How many records are appended at once at least, if there are as many: few enough for any store, and enough that what
/// an outage left is soon written.
const MIN_RECORDS: usize = 256;

/// The limit of the end where the last handle was dropped without [`close`](crate::AuditQueue::close).
const DEFAULT_LIMIT: Duration = Duration::from_secs(5);

/// How long an append may go on after the limit of the end. Then its records go to the overflow.
pub(crate) const LAST_APPEND: Duration = Duration::from_secs(3);

/// That the queue is to end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Closing {
    /// When what was not written by then is given up.
    pub(crate) until: Instant,
}

/// How records that nobody waits for gather. Reads would cost a commit each without it.
pub(crate) struct Gathering {
    /// For how long at most.
    pub(crate) time: Duration,
    /// Told when so many wait that they are to be written now.
    pub(crate) enough: Arc<Notify>,
}

pub(crate) struct Worker {
    store: Arc<dyn AuditStore>,
    chain: AuditChain,
    gathering: Gathering,
    jobs: mpsc::UnboundedReceiver<(Job, OwnedSemaphorePermit)>,
    closing: watch::Receiver<Option<Closing>>,
    trouble: Arc<Trouble>,
    head: KnownHead,
    /// How many records are appended at once: fewer after a failure, since a store that is too slow for many would fail
    /// at them each time.
    at_once: usize,
    /// When the end is given up, once it is to come.
    until: Option<Instant>,
}

impl Worker {
    pub(crate) fn new(
        store: Arc<dyn AuditStore>,
        chain: AuditChain,
        gathering: Gathering,
        jobs: mpsc::UnboundedReceiver<(Job, OwnedSemaphorePermit)>,
        closing: watch::Receiver<Option<Closing>>,
        trouble: Arc<Trouble>,
    ) -> Self {
        let head = KnownHead::new(Arc::clone(&store), chain.clone());
        Self { store, chain, gathering, jobs, closing, trouble, head, at_once: MAX_RECORDS, until: None }
    }

    pub(crate) async fn run(mut self) {
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
                // Callers of records that came meanwhile may wait for the commit.
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

    /// The next record, none once the queue is closed and empty.
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

    /// Takes what waits, and lets more gather where nobody waits for the batch. Meanwhile records come without waking
    /// this task, which would cost each of them more than its share of the batch.
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

    /// Takes what is there.
    fn take(&mut self, batch: &mut Batch) {
        while !batch.is_full()
            && let Ok((job, place)) = self.jobs.try_recv()
        {
            batch.push(job, place);
        }
    }

    /// Appends the records of a batch. A store that panics is a store that fails: the task and its records go on.
    async fn append(&self, batch: &Batch) -> Result<AuditHead, StoreError> {
        match within(&self.closing, self.store.append(&self.chain, batch.records())).await {
            Some(Ok(result)) => result,
            Some(Err(_panic)) => Err(StoreError::backend("the store of the audit panicked")),
            None => Err(StoreError::outcome_unknown("the store of the audit did not answer before the end")),
        }
    }

    /// Writes a batch, and returns what is to be tried again.
    async fn write(&mut self, mut batch: Batch) -> Batch {
        while !batch.is_empty() {
            let rest = batch.split_off(self.at_once);
            let error = match self.append(&batch).await {
                Ok(head) => {
                    self.trouble.end();
                    if rest.is_empty() {
                        self.at_once = MAX_RECORDS.min(self.at_once * 2);
                    }
                    batch.committed();
                    batch = rest;
                    // After the callers were answered: they need not wait for it.
                    within(&self.closing, self.head.appended(head)).await;
                    if self.is_over() {
                        return batch;
                    }
                    continue;
                }
                Err(error) => error,
            };
            let failure = Failure::new(error);
            self.trouble.begin(&failure);
            if failure.is_retried() {
                // Perhaps it is too slow for so many.
                self.at_once = (batch.records().len() / 2).max(MIN_RECORDS);
                batch.absorb(rest);
                return batch.failed(&failure);
            }
            if batch.records().len() == 1 {
                // It would fail again.
                self.spill(batch.failed(&failure)).await;
                batch = rest;
                continue;
            }
            // One of the records is at fault: the others are not to suffer from it.
            let mut left = Batch::default();
            for one in batch.apart().chain([rest]) {
                // Once the store fails altogether, or the end has come, the others are not tried one by one.
                let goes_on = left.is_empty() && !self.is_over();
                left.absorb(if goes_on { Box::pin(self.write(one)).await } else { one });
            }
            return left;
        }
        batch
    }

    /// Waits before the next try; not for longer than there is time in the end.
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

    /// Whether what was not written by now is given up.
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

    /// Hands what could not be written before the end to the overflow.
    async fn give_up(mut self, mut batch: Batch) {
        self.jobs.close();
        // Until the last of those that were sent before, also where its sender is still at it.
        while let Some((job, place)) = self.jobs.recv().await {
            batch.push(job, place);
        }
        self.spill(batch).await;
        self.trouble.log_spilled();
        self.head.report("stop");
    }

    async fn spill(&self, batch: Batch) {
        for record in batch.into_records() {
            // Where there is no overflow either, the count is logged.
            let _ = self.trouble.spill(record, "the store refuses the record, or did not answer before the end").await;
        }
    }
}

/// Resolves once the queue is to end, or its last handle was dropped.
async fn asked(closing: &mut watch::Receiver<Option<Closing>>) {
    let _ = closing.wait_for(Option::is_some).await;
}

/// The output of a call to the store, or its panic; `None` where it goes on until [`LAST_APPEND`] after the limit of the
/// end.
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
