//! The task that empties the queue.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout_at};

use super::batch::Batch;
use super::{Job, Target};

/// The most writes of one transaction: what bounds how long the first of them waits for the others.
const MAX_BATCH: usize = 1_024;

/// How long audit records that nobody waits for may gather. Reads would cost a sync each without it.
const GATHER: Duration = Duration::from_millis(50);

/// How long to wait before audit records that could not be written are tried again.
const RETRY: Duration = Duration::from_millis(250);

/// How often they are tried again once the store is being closed.
const TRIES_AT_THE_END: u32 = 8;

pub(super) async fn run(target: Target, mut jobs: mpsc::Receiver<Job>) {
    // Audit records whose transaction failed. While there are many, the queue is left to fill up, so that whoever
    // records more is slowed down instead of a record being dropped.
    let mut left = Batch::default();
    let mut received = Vec::with_capacity(MAX_BATCH);
    loop {
        if left.is_empty() {
            if jobs.recv_many(&mut received, MAX_BATCH).await == 0 {
                break;
            }
        } else {
            sleep(RETRY).await;
        }
        // Those who were just answered, or who come at the same moment, get to the queue first.
        tokio::task::yield_now().await;
        let mut batch = std::mem::take(&mut left);
        received.drain(..).for_each(|job| batch.push(job));
        fill(&mut batch, &mut jobs).await;
        if !batch.closing.is_empty() {
            jobs.close();
        }
        left = write(batch, &target).await;
        if !left.closing.is_empty() {
            let closing = std::mem::take(&mut left.closing);
            finish(left, &target, &mut jobs, closing).await;
            return;
        }
        if jobs.is_closed() && jobs.is_empty() {
            break;
        }
    }
    finish(left, &target, &mut jobs, Vec::new()).await;
}

/// Takes what waits, and waits a little itself where nobody waits for the batch.
async fn fill(batch: &mut Batch, jobs: &mut mpsc::Receiver<Job>) {
    let until = Instant::now() + GATHER;
    while batch.len() < MAX_BATCH && batch.closing.is_empty() {
        let job = match jobs.try_recv() {
            Ok(job) => Some(job),
            Err(_) if batch.is_awaited() => None,
            Err(_) => timeout_at(until, jobs.recv()).await.unwrap_or(None),
        };
        let Some(job) = job else { break };
        batch.push(job);
    }
}

/// Writes a batch and answers it. Gives back the audit records that are to be tried again.
async fn write(mut batch: Batch, target: &Target) -> Batch {
    if batch.is_empty() {
        return batch;
    }
    let Err(failure) = batch.commit(target).await else { return batch.answer(None) };
    if failure.is_transient() || batch.len() == 1 {
        tracing::warn!(error = &failure as &dyn std::error::Error, writes = batch.len(), "a transaction failed");
        let mut left = batch.answer(Some(&failure));
        if !failure.is_transient() && !left.is_empty() {
            // The record itself cannot be written, so trying again would hold all others up for good.
            tracing::error!(error = &failure as &dyn std::error::Error, "an audit record cannot be written");
            left = Batch::closing(left.closing);
        }
        return left;
    }
    // One of the writes is at fault: the others are not to suffer from it.
    let mut left = Batch::closing(std::mem::take(&mut batch.closing));
    for batch in batch.apart() {
        left.absorb(Box::pin(write(batch, target)).await);
    }
    left
}

/// Writes what is left once nothing more can come, and tells those who wait for the end, who may come until then.
async fn finish(
    mut left: Batch,
    target: &Target,
    jobs: &mut mpsc::Receiver<Job>,
    mut closing: Vec<oneshot::Sender<()>>,
) {
    for tries in 0..TRIES_AT_THE_END {
        while let Ok(job) = jobs.try_recv() {
            left.push(job);
        }
        closing.append(&mut left.closing);
        if left.is_empty() {
            break;
        }
        if tries > 0 {
            sleep(RETRY).await;
        }
        left = write(left, target).await;
    }
    if !left.is_empty() {
        tracing::error!(records = left.len(), "audit records could not be written before the end");
    }
    for done in closing.into_iter().chain(left.closing) {
        let _ = done.send(());
    }
}
