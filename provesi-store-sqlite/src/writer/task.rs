//! The task that empties the queue.

use provesi_core::Chain;
use tokio::sync::{mpsc, oneshot};

use super::batch::Batch;
use super::{Job, Target};
use crate::error::is_of_the_store;

/// The most writes of one transaction: what bounds how long the first of them waits for the others.
const MAX_BATCH: usize = 1_024;

pub(super) async fn run(target: Target, mut jobs: mpsc::Receiver<Job>) {
    let mut closing: Vec<oneshot::Sender<()>> = Vec::new();
    let mut received = Vec::with_capacity(MAX_BATCH);
    // None are received once all handles are dropped, or the queue is closed and empty.
    while jobs.recv_many(&mut received, MAX_BATCH).await > 0 {
        // Callers that were just answered, or that arrive at the same moment, get to the queue first.
        tokio::task::yield_now().await;
        let mut batch = Batch::default();
        received.drain(..).for_each(|job| batch.push(job));
        while batch.len() < MAX_BATCH
            && let Ok(job) = jobs.try_recv()
        {
            batch.push(job);
        }
        closing.append(&mut batch.closing);
        if !closing.is_empty() {
            jobs.close();
        }
        write(batch, &target).await;
    }
    for done in closing {
        let _ = done.send(());
    }
}

/// Writes a batch and answers it.
async fn write(mut batch: Batch, target: &Target) {
    if batch.is_empty() {
        return;
    }
    let Err(failure) = batch.commit(target).await else { return batch.answer(None) };
    target.health.record(&failure);
    if is_of_the_store(&failure) || batch.len() == 1 {
        tracing::warn!(error = %Chain(&failure), writes = batch.len(), "a transaction failed");
        return batch.answer(Some(&failure));
    }
    // One of the writes is at fault: run each on its own, so that the others succeed.
    for batch in batch.apart() {
        Box::pin(write(batch, target)).await;
    }
}
