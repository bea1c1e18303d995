//! Random schedules of records, failures, cancellations and the end: a record is stored, or in the overflow, or was refused
//! to a caller that got nothing for it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use provesi_core::{
    AuditAction, AuditChain, AuditHead, AuditQuery, AuditRecord, AuditSink, AuditStore, StoreError, StoredAudit,
};
use provesi_runtime::{AuditAck, AuditQueue, QueueOptions};
use provesi_testkit::data::{at, with};
use provesi_testkit::{MemoryStore, audit};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

/// What the store does with an append.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    Works,
    Stalls,
    Unavailable,
    /// Appends, and says that it does not know.
    UnknownDone,
    /// The same, without having appended.
    UnknownNotDone,
    Degraded,
    Fails,
    Panics,
}

const MODES: [Mode; 8] = [
    Mode::Works,
    Mode::Stalls,
    Mode::Unavailable,
    Mode::UnknownDone,
    Mode::UnknownNotDone,
    Mode::Degraded,
    Mode::Fails,
    Mode::Panics,
];

#[derive(Debug)]
struct Moody {
    inner: MemoryStore,
    mode: watch::Receiver<Mode>,
}

#[async_trait]
impl AuditStore for Moody {
    async fn append(&self, chain: &AuditChain, records: &[AuditRecord]) -> Result<AuditHead, StoreError> {
        let mode = *self.mode.clone().wait_for(|mode| *mode != Mode::Stalls).await.unwrap();
        tokio::task::yield_now().await;
        match mode {
            Mode::Works => self.inner.append(chain, records).await,
            Mode::Unavailable => Err(StoreError::unavailable("a planned failure")),
            Mode::UnknownDone => {
                self.inner.append(chain, records).await?;
                Err(StoreError::outcome_unknown("a planned failure"))
            }
            Mode::UnknownNotDone => Err(StoreError::outcome_unknown("a planned failure")),
            Mode::Degraded => Err(StoreError::degraded("disk full", "a planned failure")),
            Mode::Fails => Err(StoreError::backend("a planned failure")),
            Mode::Stalls | Mode::Panics => panic!("a planned failure"),
        }
    }

    async fn head(&self) -> Result<AuditHead, StoreError> {
        self.inner.head().await
    }

    async fn records(&self, query: &AuditQuery) -> Result<Vec<StoredAudit>, StoreError> {
        self.inner.records(query).await
    }
}

/// An overflow that does not answer in one poll, as a file or a socket would not.
#[derive(Debug)]
struct Overflow(MemoryStore);

#[async_trait]
impl AuditSink for Overflow {
    async fn record(&self, record: AuditRecord) -> Result<(), StoreError> {
        tokio::task::yield_now().await;
        self.0.record(record).await
    }
}

/// A record that was given to the queue, by a caller that may have been cancelled.
struct Given {
    number: u64,
    is_read: bool,
    began: Arc<AtomicBool>,
    caller: JoinHandle<(Result<(), StoreError>, Duration)>,
}

fn record(number: u64, is_read: bool) -> AuditRecord {
    let action = if is_read { AuditAction::ClientRead } else { AuditAction::ClientUpdate };
    with(audit::record(i64::try_from(number).unwrap(), vec![audit::client(number)]), |it| it.action = action)
}

fn give(queue: &AuditQueue, number: u64, is_read: bool) -> Given {
    let (queue, began) = (queue.clone(), Arc::new(AtomicBool::new(false)));
    let begins = Arc::clone(&began);
    let caller = tokio::spawn(async move {
        begins.store(true, Ordering::Relaxed);
        let start = Instant::now();
        (queue.record(record(number, is_read)).await, start.elapsed())
    });
    Given { number, is_read, began, caller }
}

fn numbers(store: &MemoryStore) -> BTreeSet<u64> {
    let number = |record: &AuditRecord| u64::try_from((record.at.micros() - at(0).micros()) / 1_000).unwrap();
    store.audit_records().iter().map(number).collect()
}

/// Runs one schedule, and returns how many records went where: stored, spilled, refused.
async fn run(seed: u64) -> [usize; 3] {
    let mut random = StdRng::seed_from_u64(seed);
    let (store, overflow) = (MemoryStore::new(), MemoryStore::new());
    let (mode, modes) = watch::channel(Mode::Works);
    let ack = if random.random() { AuditAck::Queued } else { AuditAck::Committed };
    let mut options = QueueOptions::default();
    options.ack = ack;
    options.capacity = random.random_range(1..40);
    options.overflow = Some(Arc::new(Overflow(overflow.clone())));
    let queue = AuditQueue::spawn(Arc::new(Moody { inner: store.clone(), mode: modes }), options);

    let mut given: Vec<Given> = Vec::new();
    for _ in 0..random.random_range(20..120) {
        match random.random_range(0..10) {
            0..=4 => given.push(give(&queue, given.len() as u64, random.random())),
            5 => drop(mode.send_replace(MODES[random.random_range(0..MODES.len())])),
            6 if !given.is_empty() => given[random.random_range(0..given.len())].caller.abort(),
            7 => tokio::task::yield_now().await,
            8 => sleep(Duration::from_millis(random.random_range(0..100))).await,
            _ => sleep(Duration::from_millis(random.random_range(0..2_000))).await,
        }
    }
    let start = Instant::now();
    let limit = Duration::from_millis(random.random_range(0..5_000));
    // A record that comes while the queue is being closed.
    let mut late = give(&queue, given.len() as u64, random.random());
    queue.close(limit).await;
    assert!(start.elapsed() < limit + Duration::from_secs(4), "seed {seed}: the end took {:?}", start.elapsed());
    let late_answer = (&mut late.caller).await;
    let (stored, spilled) = (numbers(&store), numbers(&overflow));
    let mut answers = vec![(late, late_answer)];
    for mut one in given {
        let answer = (&mut one.caller).await;
        answers.push((one, answer));
    }
    let mut refused = 0;
    for (Given { number, is_read, began, .. }, answer) in answers {
        if !began.load(Ordering::Relaxed) {
            continue;
        }
        let waits_for_commit = is_read && ack == AuditAck::Committed;
        let context = format!("seed {seed}, record {number}, read: {is_read}, {ack:?}: {answer:?}");
        if let Ok((_, waited)) = &answer {
            assert!(*waited < Duration::from_secs(3), "{context}");
        }
        match &answer {
            Ok((Ok(()), _)) if waits_for_commit => assert!(stored.contains(&number), "not stored: {context}"),
            _ if waits_for_commit => refused += 1,
            // A write that happened, or a read that was handed out: whatever its caller got, or nothing any more.
            _ => assert!(stored.contains(&number) || spilled.contains(&number), "lost: {context}"),
        }
    }
    [stored.len(), spilled.len(), refused]
}

/// At least once: no transient failure of the store makes the queue drop a record.
#[tokio::test(start_paused = true)]
async fn records_wait_for_the_end_of_a_transient_failure_and_are_appended_then() {
    for failure in [Mode::Unavailable, Mode::UnknownDone, Mode::UnknownNotDone, Mode::Degraded] {
        for ack in [AuditAck::Queued, AuditAck::Committed] {
            let (store, overflow) = (MemoryStore::new(), MemoryStore::new());
            let (mode, modes) = watch::channel(failure);
            let mut options = QueueOptions::default();
            options.ack = ack;
            options.overflow = Some(Arc::new(overflow.clone()));
            let queue = AuditQueue::spawn(Arc::new(Moody { inner: store.clone(), mode: modes }), options);
            let given: Vec<_> = (0..5).map(|number| give(&queue, number, false)).collect();
            let read = give(&queue, 5, true).caller.await.unwrap().0;
            let is_refused = matches!(read, Err(StoreError::Unavailable { .. }));
            assert_eq!(is_refused, ack == AuditAck::Committed, "{failure:?}: {read:?}");
            sleep(Duration::from_secs(20)).await;
            mode.send_replace(Mode::Works);
            sleep(Duration::from_secs(3)).await;
            let numbers = numbers(&store);
            assert!(given.iter().all(|one| numbers.contains(&one.number)), "{failure:?}, {ack:?}: {numbers:?}");
            assert!(overflow.audit_records().is_empty(), "{failure:?}, {ack:?}");
        }
    }
}

#[test]
fn a_record_is_stored_or_spilled_or_refused_whatever_happens() {
    // Panics of the store are part of it, and not of the output.
    std::panic::set_hook(Box::new(|panic| {
        let planned = panic.payload().downcast_ref::<&str>().is_some_and(|text| text.contains("a planned failure"));
        if !planned {
            eprintln!("{panic}");
        }
    }));
    let mut total = [0; 3];
    for seed in 0..2_000 {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        let counts = runtime.block_on(run(seed));
        total.iter_mut().zip(counts).for_each(|(total, count)| *total += count);
    }
    assert!(total.iter().all(|count| *count > 1_000), "every way out was taken: {total:?}");
}
