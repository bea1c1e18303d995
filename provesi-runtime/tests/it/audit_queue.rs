//! What becomes of records, in order and in trouble. The clock is tokio's and stands while somebody works.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use futures_util::future::join_all;
use provesi_core::{
    AuditAction, AuditChain, AuditHead, AuditQuery, AuditRecord, AuditSink, AuditStore, StoreError, StoredAudit,
};
use provesi_runtime::{AuditAck, AuditQueue, QueueOptions};
use provesi_testkit::data::{at, with};
use provesi_testkit::{Call, Fault, Faults, FaultyStore, MemoryStore, audit};
use tokio::time::{Instant, sleep};

struct Bench {
    queue: AuditQueue,
    /// What is in the store, and what went to the overflow.
    store: MemoryStore,
    overflow: MemoryStore,
    faults: Faults,
}

impl Bench {
    fn new(ack: AuditAck) -> Self {
        Self::with(|options| options.ack = ack)
    }

    fn with(choose: impl FnOnce(&mut QueueOptions)) -> Self {
        let (store, overflow) = (MemoryStore::new(), MemoryStore::new());
        let (faulty, faults) = FaultyStore::new(store.clone());
        let mut options = QueueOptions::default();
        options.overflow = Some(Arc::new(overflow.clone()));
        choose(&mut options);
        Self { queue: AuditQueue::spawn(Arc::new(faulty), options), store, overflow, faults }
    }

    async fn record(&self, number: u64, action: AuditAction) -> Result<(), StoreError> {
        self.queue.record(record(number, action)).await
    }

    async fn read(&self, number: u64) -> Result<(), StoreError> {
        self.record(number, AuditAction::ClientRead).await
    }

    fn stored(&self) -> Vec<u64> {
        numbers(&self.store)
    }

    fn appends(&self) -> usize {
        self.faults.take_calls().get(&Call::Append).copied().unwrap_or_default()
    }

    async fn close(&self) {
        self.queue.close(Duration::from_secs(5)).await;
    }
}

fn record(number: u64, action: AuditAction) -> AuditRecord {
    with(audit::record(i64::try_from(number).unwrap(), vec![audit::client(number)]), |it| it.action = action)
}

fn numbers(store: &MemoryStore) -> Vec<u64> {
    let number = |record: &AuditRecord| (record.at.micros() - at(0).micros()) / 1_000;
    store.audit_records().iter().map(|record| u64::try_from(number(record)).unwrap()).collect()
}

fn assert_unavailable(result: Result<(), StoreError>) {
    assert!(matches!(result, Err(StoreError::Unavailable { .. })), "{result:?}");
}

#[tokio::test(start_paused = true)]
async fn queued_records_are_acknowledged_at_once_and_written_together_soon() {
    let bench = Bench::new(AuditAck::Queued);
    for number in 0..100 {
        bench.read(number).now_or_never().expect("there is a place").unwrap();
    }
    sleep(Duration::from_millis(490)).await;
    assert!(bench.stored().is_empty());
    sleep(Duration::from_millis(20)).await;
    assert_eq!(bench.stored(), (0..100).collect::<Vec<_>>());
    assert_eq!(bench.appends(), 1);
}

#[tokio::test(start_paused = true)]
async fn queued_records_are_written_at_once_where_they_take_half_of_the_places() {
    let bench = Bench::with(|options| options.capacity = 20);
    for number in 0..5 {
        bench.read(number).await.unwrap();
    }
    sleep(Duration::from_millis(10)).await;
    assert!(bench.stored().is_empty());
    bench.read(5).await.unwrap();
    sleep(Duration::from_millis(10)).await;
    assert_eq!(bench.stored(), (0..6).collect::<Vec<_>>());
    // One that is too large for the places that are left waits for a write, and not for the others to gather.
    bench.read(6).await.unwrap();
    let subjects = (0..19).map(audit::client).collect();
    let start = Instant::now();
    bench.queue.record(with(record(7, AuditAction::ClientList), |it| it.subjects = subjects)).await.unwrap();
    assert!(start.elapsed() < Duration::from_millis(10));
    bench.close().await;
    assert_eq!(bench.stored(), (0..8).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn a_committed_record_is_in_the_store_once_it_is_acknowledged_and_shares_its_append() {
    let bench = Bench::new(AuditAck::Committed);
    bench.faults.stall(Call::Append);
    let first = bench.queue.clone();
    let first = tokio::spawn(async move { first.record(record(0, AuditAction::ClientRead)).await });
    bench.faults.stalled().await;
    let others = join_all((1..50).map(|number| bench.read(number)));
    let (others, ()) = tokio::join!(others, async {
        sleep(Duration::from_millis(10)).await;
        bench.faults.clear();
    });
    first.await.unwrap().unwrap();
    assert!(others.into_iter().all(|other| other.is_ok()));
    assert_eq!(bench.stored(), (0..50).collect::<Vec<_>>());
    assert_eq!(bench.appends(), 2);
}

#[tokio::test(start_paused = true)]
async fn while_the_store_fails_queued_records_wait_and_are_written_once_in_their_order() {
    let bench = Bench::new(AuditAck::Queued);
    bench.faults.fail_all();
    for number in 0..20 {
        bench.read(number).await.unwrap();
        sleep(Duration::from_millis(700)).await;
    }
    let tries = bench.appends();
    assert!((8..30).contains(&tries), "ever less often, at least every two seconds: {tries} in 14 s");
    bench.faults.clear();
    sleep(Duration::from_secs(3)).await;
    assert_eq!(bench.stored(), (0..20).collect::<Vec<_>>());
    assert!(numbers(&bench.overflow).is_empty());
}

#[tokio::test(start_paused = true)]
async fn while_the_store_fails_a_committed_read_is_refused_in_time_and_leaves_nothing_but_a_write_is_kept() {
    let bench = Bench::new(AuditAck::Committed);
    for fault in [Fault::FailBefore, Fault::Stall] {
        bench.faults.arm_all(fault);
        for (number, action) in [(1, AuditAction::ClientRead), (2, AuditAction::ClientUpdate)] {
            let start = Instant::now();
            assert_unavailable(bench.record(number, action).await);
            assert!(start.elapsed() < Duration::from_secs(3), "{fault:?}");
        }
        bench.faults.clear();
        sleep(Duration::from_secs(3)).await;
    }
    // The append that stalled had been begun with the read in it; what came while it stalled was not.
    assert_eq!(bench.stored(), [2, 1, 2]);
    bench.read(3).await.unwrap();
    assert_eq!(bench.stored(), [2, 1, 2, 3]);
}

#[tokio::test(start_paused = true)]
async fn what_a_long_outage_left_is_written_in_few_appends() {
    let bench = Bench::new(AuditAck::Queued);
    bench.faults.fail_all();
    for number in 0..4_000 {
        bench.read(number).await.unwrap();
    }
    sleep(Duration::from_secs(60)).await;
    bench.appends();
    bench.faults.clear();
    sleep(Duration::from_secs(3)).await;
    assert_eq!(bench.stored().len(), 4_000);
    assert_eq!(bench.appends(), 16);
}

/// A store that is too slow for more than 300 records.
#[derive(Debug)]
struct Slow(MemoryStore);

#[async_trait]
impl AuditStore for Slow {
    async fn append(&self, chain: &AuditChain, records: &[AuditRecord]) -> Result<AuditHead, StoreError> {
        if records.len() > 300 {
            return Err(StoreError::unavailable("too late"));
        }
        self.0.append(chain, records).await
    }

    async fn head(&self) -> Result<AuditHead, StoreError> {
        self.0.head().await
    }

    async fn records(&self, query: &AuditQuery) -> Result<Vec<StoredAudit>, StoreError> {
        self.0.records(query).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_too_slow_for_many_records_is_given_fewer() {
    let store = MemoryStore::new();
    let queue = AuditQueue::spawn(Arc::new(Slow(store.clone())), QueueOptions::default());
    for number in 0..3_000 {
        queue.record(record(number, AuditAction::ClientRead)).await.unwrap();
    }
    sleep(Duration::from_secs(5)).await;
    assert_eq!(numbers(&store), (0..3_000).collect::<Vec<_>>());
    // It is given more again, once all is written, and the next batch does not fail for it.
    for number in 3_000..3_700 {
        queue.record(record(number, AuditAction::ClientRead)).await.unwrap();
    }
    queue.close(Duration::from_secs(5)).await;
    assert_eq!(numbers(&store), (0..3_700).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn while_the_store_is_known_to_hang_nobody_waits_for_it_long() {
    let bench = Bench::new(AuditAck::Committed);
    bench.faults.fail_all();
    assert_unavailable(bench.read(1).await);
    bench.faults.clear();
    bench.faults.arm_all(Fault::Stall);
    let start = Instant::now();
    assert_unavailable(bench.read(2).await);
    assert_eq!(start.elapsed().as_millis(), 500);
    bench.faults.clear();
    // The one that hung goes through, and with it the queue is well again.
    sleep(Duration::from_millis(10)).await;
    bench.read(3).await.unwrap();
    assert_eq!(bench.stored(), [2, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_full_queue_slows_the_caller_down_and_then_goes_to_the_overflow() {
    // Each record counts for two: itself and its subject.
    let bench = Bench::with(|options| options.capacity = 20);
    bench.faults.fail_all();
    for number in 0..10 {
        bench.read(number).now_or_never().expect("there is a place").unwrap();
    }
    let start = Instant::now();
    bench.read(10).await.unwrap();
    assert_eq!(start.elapsed().as_secs(), 1);
    assert_eq!(numbers(&bench.overflow), [10]);
    // Who waits when the store is back gets a place.
    let waiting = bench.read(11);
    let ((), waited) = tokio::join!(async { bench.faults.clear() }, waiting);
    waited.unwrap();
    bench.close().await;
    assert_eq!(bench.stored(), (0..10).chain([11]).collect::<Vec<_>>());
    assert_eq!(numbers(&bench.overflow), [10]);
}

#[tokio::test(start_paused = true)]
async fn without_an_overflow_the_caller_is_told() {
    let bench = Bench::with(|options| {
        options.capacity = 2;
        options.overflow = None;
    });
    bench.faults.fail_all();
    bench.read(0).await.unwrap();
    assert_unavailable(bench.read(1).await);
}

#[tokio::test(start_paused = true)]
async fn a_record_of_more_subjects_than_there_are_places_is_taken() {
    let bench = Bench::with(|options| options.capacity = 3);
    let subjects = (0..10).map(audit::client).collect();
    bench.queue.record(with(record(1, AuditAction::ClientList), |it| it.subjects = subjects)).await.unwrap();
    bench.read(2).await.unwrap();
    bench.close().await;
    assert_eq!(bench.stored(), [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn closing_writes_what_waits_and_nothing_is_taken_afterwards() {
    let bench = Bench::with(|options| options.overflow = None);
    bench.faults.arm(Call::Append, Fault::FailBefore, 2);
    for number in 0..10_000 {
        bench.read(number).await.unwrap();
    }
    bench.close().await;
    assert_eq!(bench.stored(), (0..10_000).collect::<Vec<_>>());
    assert_unavailable(bench.read(1).await);
    bench.close().await;
}

#[tokio::test(start_paused = true)]
async fn closing_ends_in_time_with_the_store_away_and_what_is_left_goes_to_the_overflow() {
    let bench = Bench::new(AuditAck::Queued);
    bench.faults.fail_all();
    for number in 0..1_000 {
        bench.read(number).await.unwrap();
    }
    sleep(Duration::from_secs(10)).await;
    let start = Instant::now();
    bench.close().await;
    assert_eq!(start.elapsed().as_secs(), 5);
    assert!(bench.stored().is_empty());
    assert_eq!(numbers(&bench.overflow), (0..1_000).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn the_last_handle_that_is_dropped_leaves_nothing_behind() {
    let Bench { queue, store, overflow, faults } = Bench::new(AuditAck::Queued);
    queue.record(record(1, AuditAction::ClientRead)).await.unwrap();
    drop(queue);
    sleep(Duration::from_millis(10)).await;
    assert_eq!(numbers(&store), [1]);
    let Bench { queue, overflow: other, faults: failing, .. } = Bench::new(AuditAck::Queued);
    failing.fail_all();
    queue.record(record(2, AuditAction::ClientRead)).await.unwrap();
    drop(queue);
    sleep(Duration::from_secs(10)).await;
    assert_eq!(numbers(&other), [2]);
    assert!(numbers(&overflow).is_empty());
    faults.clear();
}

#[tokio::test(start_paused = true)]
async fn a_record_that_cannot_be_written_does_not_hold_up_the_others() {
    let bench = Bench::new(AuditAck::Queued);
    // The batch, then the first of its records alone.
    bench.faults.arm(Call::Append, Fault::Break, 2);
    for number in 0..4 {
        bench.read(number).await.unwrap();
    }
    sleep(Duration::from_millis(600)).await;
    assert_eq!(bench.stored(), [1, 2, 3]);
    assert_eq!(numbers(&bench.overflow), [0]);
    let strict = Bench::new(AuditAck::Committed);
    strict.faults.arm(Call::Append, Fault::Break, 1);
    let refused = strict.read(1).await;
    assert!(matches!(refused, Err(StoreError::Backend { .. })), "{refused:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_tasks_at_once_lose_nothing() {
    for ack in [AuditAck::Queued, AuditAck::Committed] {
        let bench = Bench::with(|options| {
            options.ack = ack;
            options.capacity = 64;
        });
        let tasks = (0..16_u64).map(|task| {
            let queue = bench.queue.clone();
            tokio::spawn(async move {
                for number in 0..100 {
                    queue.record(record(task * 100 + number, AuditAction::ClientRead)).await.unwrap();
                }
            })
        });
        for task in join_all(tasks).await {
            task.unwrap();
        }
        bench.close().await;
        let mut stored = bench.stored();
        for task in 0..16 {
            let own: Vec<_> = stored.iter().copied().filter(|number| number / 100 == task).collect();
            assert!(own.is_sorted(), "{own:?}");
        }
        stored.sort_unstable();
        assert_eq!(stored, (0..1_600).collect::<Vec<_>>());
    }
}
