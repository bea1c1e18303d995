//! What joined calls promise, on a store that does what a test tells it. The clock is tokio's and stands while somebody works.

use std::collections::{BTreeMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use futures_util::future::join_all;
use provesi_core::{
    Order, OrderClaim, OrderCount, OrderCounts, OrderCursor, OrderId, OrderKey, OrderListing, OrderRepository,
    OrderRepositoryExt, OrderRow, OrderStatus, OrderWrite, Page, PageRequest, StoreError, Stored,
};
use provesi_runtime::{BatchOptions, Batched};
use provesi_testkit::MemoryStore;
use provesi_testkit::data::{in_status, new_order, stamp, with};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

/// A memory store whose calls for orders wait for permission, and which meets locks.
#[derive(Debug)]
pub(crate) struct Scripted {
    inner: MemoryStore,
    pub(crate) gate: Semaphore,
    is_gated: bool,
    /// How many keys, and which writes, each call had.
    pub(crate) reads: Mutex<Vec<usize>>,
    writes: Mutex<Vec<Vec<OrderWrite>>>,
    pub(crate) pages: Mutex<Vec<OrderListing>>,
    pub(crate) counts: Mutex<usize>,
    pub(crate) locked: Mutex<HashSet<OrderClaim>>,
    /// Each call of writes is made, and its outcome is said to be unknown.
    is_mute: bool,
    /// Calls of writes return one outcome too few.
    is_short: bool,
    /// Calls of writes fail after this long.
    is_away_for: Option<Duration>,
    pub(crate) panics: AtomicUsize,
    /// That many calls never end.
    hangs: AtomicUsize,
}

impl Scripted {
    pub(crate) fn new(is_gated: bool) -> Self {
        Self {
            inner: MemoryStore::new(),
            gate: Semaphore::new(0),
            is_gated,
            reads: Mutex::default(),
            writes: Mutex::default(),
            pages: Mutex::default(),
            counts: Mutex::default(),
            locked: Mutex::default(),
            is_mute: false,
            is_short: false,
            is_away_for: None,
            panics: AtomicUsize::new(0),
            hangs: AtomicUsize::new(0),
        }
    }

    async fn pass(&self) {
        if self.is_gated {
            self.gate.acquire().await.unwrap().forget();
        }
        if self.hangs.load(Ordering::Relaxed) > 0 {
            self.hangs.fetch_sub(1, Ordering::Relaxed);
            std::future::pending::<()>().await;
        }
        if self.panics.load(Ordering::Relaxed) > 0 {
            self.panics.fetch_sub(1, Ordering::Relaxed);
            panic!("the store has a fault");
        }
    }

    fn sizes(&self) -> Vec<usize> {
        self.writes.lock().unwrap().iter().map(Vec::len).collect()
    }
}

#[async_trait]
impl OrderRepository for Scripted {
    async fn get_many(&self, keys: &[OrderKey]) -> Vec<Result<Option<OrderRow>, StoreError>> {
        self.reads.lock().unwrap().push(keys.len());
        self.pass().await;
        self.inner.get_many(keys).await
    }

    async fn commit(&self, writes: &[OrderWrite]) -> Vec<Result<Option<OrderId>, StoreError>> {
        self.inner.commit(writes).await
    }

    async fn try_commit(&self, writes: &[OrderWrite]) -> Vec<Result<Option<OrderId>, StoreError>> {
        self.writes.lock().unwrap().push(writes.to_vec());
        self.pass().await;
        if let Some(time) = self.is_away_for {
            sleep(time).await;
            return writes.iter().map(|_| Err(StoreError::unavailable("no answer"))).collect();
        }
        let locked = self.locked.lock().unwrap().clone();
        let mut outcomes = Vec::new();
        for write in writes {
            let is_locked = write.claims().iter().any(|claim| locked.contains(claim));
            let outcome = if is_locked { Err(StoreError::Locked) } else { self.inner.commit_one(write.clone()).await };
            outcomes.push(if self.is_mute { Err(StoreError::outcome_unknown("no answer")) } else { outcome });
        }
        if self.is_short {
            outcomes.truncate(writes.len() - 1);
        }
        outcomes
    }

    async fn page(
        &self,
        listing: &OrderListing,
        request: &PageRequest<OrderCursor>,
    ) -> Result<Page<OrderRow, OrderCursor>, StoreError> {
        self.pages.lock().unwrap().push(listing.clone());
        self.pass().await;
        self.inner.page(listing, request).await
    }

    async fn count(&self, query: &OrderCount) -> Result<OrderCounts, StoreError> {
        *self.counts.lock().unwrap() += 1;
        self.pass().await;
        self.inner.count(query).await
    }

    provesi_core::forward_order_repository!(|store| &store.inner; database, client_ids, events, entries, ping);
}

pub(crate) type Store = Batched<Arc<Scripted>>;

pub(crate) fn batched(scripted: Scripted) -> (Arc<Scripted>, Store) {
    let scripted = Arc::new(scripted);
    (Arc::clone(&scripted), Batched::new(scripted))
}

/// Starts a call, which has asked when this returns.
pub(crate) async fn start<T: Send + 'static>(call: impl Future<Output = T> + Send + 'static) -> JoinHandle<T> {
    let task = tokio::spawn(call);
    settle().await;
    task
}

/// Until nobody has anything to do.
pub(crate) async fn settle() {
    sleep(Duration::from_nanos(1)).await;
}

fn insert(number: &str) -> OrderWrite {
    OrderWrite::insert(new_order(number), stamp(0))
}

fn to_status(order: &Order, status: OrderStatus, millis: i64) -> (OrderWrite, Order) {
    let before = Stored::<Order>::new(order.into());
    let after = before.with_content(in_status(order, status), stamp(millis).at).unwrap();
    (OrderWrite::replace(before, after.clone(), stamp(millis)), after)
}

async fn commit(store: &Store, write: OrderWrite) -> JoinHandle<Result<Option<OrderId>, StoreError>> {
    let store = store.clone();
    start(async move { store.commit_one(write).await }).await
}

pub(crate) async fn inserted(store: &Scripted, number: &str) -> Order {
    store.inner.insert(&new_order(number), &stamp(0)).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn reads_that_wait_become_one() {
    let (scripted, store) = batched(Scripted::new(true));
    let mut tasks = Vec::new();
    for _ in 0..10 {
        let store = store.clone();
        tasks.push(start(async move { store.find_by_number(&"A-1".parse().unwrap()).await }).await);
    }
    // The first finds the store idle, and a batch is under way.
    assert_eq!(*scripted.reads.lock().unwrap(), [1, 1]);
    scripted.gate.add_permits(2);
    settle().await;
    assert_eq!(*scripted.reads.lock().unwrap(), [1, 1, 8]);
    scripted.gate.add_permits(1);
    for found in join_all(tasks).await {
        assert_eq!(found.unwrap().unwrap(), None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_read_joins_no_query_that_was_sent_before_it_asked() {
    let (scripted, store) = batched(Scripted::new(true));
    let number: provesi_core::OrderNumber = "A-1".parse().unwrap();
    let read = |store: Store| {
        let number = number.clone();
        async move { store.find_by_number(&number).await.unwrap() }
    };
    // Two reads are under way: a later call waits for another.
    let mut early = Vec::new();
    for _ in 0..2 {
        early.push(start(read(store.clone())).await);
    }
    let made = inserted(&scripted, "A-1").await;
    let late = start(read(store.clone())).await;
    scripted.gate.add_permits(3);
    assert_eq!(late.await.unwrap(), Some(made));
    assert_eq!(scripted.reads.lock().unwrap().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_batch_has_one_write_of_each_order_and_number() {
    let (scripted, store) = batched(Scripted::new(true));
    let order = inserted(&scripted, "A-1").await;
    let other = inserted(&scripted, "A-2").await;
    let mut tasks = vec![commit(&store, insert("B-1")).await, commit(&store, insert("B-2")).await];
    let (picking, after) = to_status(&order, OrderStatus::Picking, 1);
    let (packing, _) = to_status(&after, OrderStatus::Packing, 2);
    let renamed = with(other.clone(), |it| it.number = "C-1".parse().unwrap());
    let renamed = OrderWrite::replace(Stored::new((&other).into()), renamed, stamp(1));
    for write in [picking, insert("c-2"), packing, renamed, insert("c-1"), insert("C-2"), insert("a-2")] {
        tasks.push(commit(&store, write).await);
    }
    for _ in 0..6 {
        scripted.gate.add_permits(1);
        settle().await;
    }
    // The first of each claim, then the others.
    assert_eq!(scripted.sizes(), [1, 4, 4]);
    let outcomes: Vec<_> = join_all(tasks).await.into_iter().map(Result::unwrap).collect();
    let taken = |outcome: &Result<_, _>| matches!(outcome, Err(StoreError::AlreadyExists { .. }));
    // The number that the renamed order left is free, the one that it took is not.
    let refused: Vec<_> = outcomes.iter().map(taken).collect();
    assert_eq!(refused, [false, false, false, false, false, false, true, true, false], "{outcomes:?}");
    let stored = scripted.inner.find_by_number(&"A-1".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(stored.state.status(), OrderStatus::Packing);
}

#[tokio::test(start_paused = true)]
async fn a_write_does_not_overtake_one_of_its_number_that_waits_for_something_else() {
    let (scripted, store) = batched(Scripted::new(true));
    let order = inserted(&scripted, "A-1").await;
    let (picking, after) = to_status(&order, OrderStatus::Picking, 1);
    let renamed = Stored::<Order>::new((&after).into());
    let to = renamed.with_content(with(after, |it| it.number = "B-1".parse().unwrap()), stamp(2).at).unwrap();
    let picking = commit(&store, picking).await;
    let renamed = commit(&store, OrderWrite::replace(renamed, to, stamp(2))).await;
    // Nothing that is under way has this number.
    let late = commit(&store, insert("b-1")).await;
    scripted.gate.add_permits(100);
    picking.await.unwrap().unwrap();
    renamed.await.unwrap().unwrap();
    assert!(matches!(late.await.unwrap(), Err(StoreError::AlreadyExists { .. })));
}

#[tokio::test(start_paused = true)]
async fn a_locked_order_delays_nobody_else_and_is_written_once_it_is_free() {
    let (scripted, store) = batched(Scripted::new(false));
    let order = inserted(&scripted, "A-1").await;
    scripted.locked.lock().unwrap().insert(OrderClaim::Id(order.id));
    let (first, after) = to_status(&order, OrderStatus::Picking, 1);
    let (second, _) = to_status(&after, OrderStatus::Packing, 2);
    let locked = [commit(&store, first).await, commit(&store, second).await];
    let started = Instant::now();
    for number in 0..100 {
        store.insert(&new_order(&format!("B-{number}")), &stamp(1)).await.unwrap();
    }
    assert!(started.elapsed() < Duration::from_millis(1), "{:?}", started.elapsed());
    sleep(Duration::from_secs(1)).await;
    assert!(locked.iter().all(|task| !task.is_finished()));
    scripted.locked.lock().unwrap().clear();
    let freed = Instant::now();
    for outcome in join_all(locked).await {
        outcome.unwrap().unwrap();
    }
    assert!(freed.elapsed() <= Duration::from_millis(60), "{:?}", freed.elapsed());
    let stored = store.find_by_number(&"A-1".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(stored.state.status(), OrderStatus::Packing);
}

#[tokio::test(start_paused = true)]
async fn an_order_that_stays_locked_is_unavailable_in_time_and_unchanged() {
    let (scripted, store) = batched(Scripted::new(false));
    let order = inserted(&scripted, "A-1").await;
    scripted.locked.lock().unwrap().insert(OrderClaim::Id(order.id));
    let (write, _) = to_status(&order, OrderStatus::Picking, 1);
    let (behind, _) = to_status(&order, OrderStatus::Packing, 1);
    let started = Instant::now();
    let tasks = [commit(&store, write.clone()).await, commit(&store, behind).await];
    for outcome in join_all(tasks).await {
        assert!(matches!(outcome.unwrap(), Err(StoreError::Unavailable { .. })));
    }
    assert!(started.elapsed() < Duration::from_millis(3_100), "{:?}", started.elapsed());
    scripted.locked.lock().unwrap().clear();
    store.commit_one(write).await.unwrap();
    // Nobody retries any more.
    let calls = scripted.sizes().len();
    sleep(Duration::from_secs(1)).await;
    assert_eq!(scripted.sizes().len(), calls);
}

#[tokio::test(start_paused = true)]
async fn what_is_dropped_before_its_batch_is_not_made_and_a_batch_runs_to_its_end() {
    let (scripted, store) = batched(Scripted::new(true));
    let under_way = commit(&store, insert("A-1")).await;
    let kept = commit(&store, insert("A-2")).await;
    let dropped = commit(&store, insert("A-3")).await;
    let last = commit(&store, insert("A-4")).await;
    dropped.abort();
    under_way.abort();
    settle().await;
    scripted.gate.add_permits(10);
    kept.await.unwrap().unwrap();
    last.await.unwrap().unwrap();
    let found = |number: &str| scripted.inner.find_by_number(&number.parse().unwrap()).now_or_never().unwrap().unwrap();
    assert!(found("A-1").is_some());
    assert!(found("A-3").is_none());
    assert_eq!(scripted.sizes(), [1, 2]);
}

#[tokio::test(start_paused = true)]
async fn a_write_that_is_locked_and_dropped_is_not_tried_again() {
    let (scripted, store) = batched(Scripted::new(false));
    let order = inserted(&scripted, "A-1").await;
    scripted.locked.lock().unwrap().insert(OrderClaim::Id(order.id));
    let (write, _) = to_status(&order, OrderStatus::Picking, 1);
    let (next, _) = to_status(&order, OrderStatus::Packing, 1);
    let dropped = commit(&store, write).await;
    let next = commit(&store, next).await;
    dropped.abort();
    settle().await;
    scripted.locked.lock().unwrap().clear();
    next.await.unwrap().unwrap();
    let stored = store.find_by_number(&"A-1".parse().unwrap()).await.unwrap().unwrap();
    assert_eq!(stored.state.status(), OrderStatus::Packing);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_outcome_is_told_to_each_and_nothing_is_sent_again() {
    let (scripted, store) = batched(Scripted { is_mute: true, ..Scripted::new(true) });
    let mut tasks = Vec::new();
    for number in 0..6 {
        tasks.push(commit(&store, insert(&format!("A-{number}"))).await);
    }
    scripted.gate.add_permits(100);
    for outcome in join_all(tasks).await {
        assert!(matches!(outcome.unwrap(), Err(StoreError::OutcomeUnknown { .. })));
    }
    assert_eq!(scripted.sizes(), [1, 5]);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_twice_for_a_store_that_does_not_answer() {
    let away = Some(Duration::from_secs(2));
    let (scripted, store) = batched(Scripted { is_away_for: away, ..Scripted::new(false) });
    let started = Instant::now();
    let mut tasks = vec![commit(&store, insert("A-1")).await, commit(&store, insert("A-2")).await];
    for number in 3..10 {
        tasks.push(commit(&store, insert(&format!("A-{number}"))).await);
    }
    let outcomes = join_all(tasks).await;
    assert!(outcomes.into_iter().all(|outcome| matches!(outcome.unwrap(), Err(StoreError::Unavailable { .. }))));
    assert!(started.elapsed() < Duration::from_millis(2_100), "{:?}", started.elapsed());
    assert_eq!(scripted.sizes(), [1, 8]);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_panics_leaves_nobody_waiting() {
    let (scripted, store) = batched(Scripted::new(true));
    scripted.panics.store(1, Ordering::Relaxed);
    let first = commit(&store, insert("A-1")).await;
    let others = [commit(&store, insert("A-2")).await, commit(&store, insert("a-1")).await];
    scripted.gate.add_permits(100);
    assert!(matches!(first.await.unwrap(), Err(StoreError::OutcomeUnknown { .. })));
    for outcome in join_all(others).await {
        outcome.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn outcomes_that_cannot_be_told_apart_are_unknown() {
    let (scripted, store) = batched(Scripted { is_short: true, ..Scripted::new(true) });
    let mut tasks = Vec::new();
    for number in 0..5 {
        tasks.push(commit(&store, insert(&format!("A-{number}"))).await);
    }
    scripted.gate.add_permits(100);
    for outcome in join_all(tasks).await {
        assert!(matches!(outcome.unwrap(), Err(StoreError::OutcomeUnknown { .. })));
    }
}

#[test]
fn calls_whose_runtime_ends_fail_and_later_ones_are_made() {
    let runtime = || tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (scripted, store) = batched(Scripted::new(true));
    let order = runtime().block_on(inserted(&scripted, "A-1"));
    scripted.locked.lock().unwrap().insert(OrderClaim::Id(order.id));
    let (write, _) = to_status(&order, OrderStatus::Picking, 1);
    let (first, second) = (runtime(), runtime());
    // The batches of the first runtime: one waits for the store, one write is locked, and both places are taken.
    let _locked = first.block_on(commit(&store, write.clone()));
    scripted.gate.add_permits(1);
    while scripted.gate.available_permits() > 0 {
        std::thread::yield_now();
    }
    let _under_way =
        first.block_on(async { [commit(&store, insert("B-1")).await, commit(&store, insert("B-2")).await] });
    while scripted.sizes().len() < 3 {
        std::thread::yield_now();
    }
    let waiting = second.block_on(commit(&store, insert("B-3")));
    first.shutdown_timeout(Duration::from_secs(5));
    let told = second.block_on(async { tokio::time::timeout(Duration::from_secs(5), waiting).await });
    assert!(matches!(told.unwrap().unwrap(), Err(StoreError::Unavailable { .. })));
    scripted.locked.lock().unwrap().clear();
    scripted.gate.add_permits(100);
    for write in [write, insert("B-1"), insert("B-2"), insert("B-3")] {
        let made =
            second.block_on(async { tokio::time::timeout(Duration::from_secs(5), store.commit_one(write)).await });
        made.unwrap().unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn many_writes_of_one_caller_do_not_delay_a_single_one() {
    let (scripted, store) = batched(Scripted::new(true));
    let many: Vec<_> = (0..1_000).map(|number| insert(&format!("A-{number}"))).collect();
    let outcomes = OrderRepository::commit(&store, &many).await;
    assert!(outcomes.iter().all(Result::is_ok));
    assert!(scripted.sizes().is_empty(), "they took no place of a batch");
    scripted.gate.add_permits(1);
    store.insert(&new_order("B-1"), &stamp(1)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn limits_are_kept() {
    let mut options = BatchOptions::default();
    (options.max_batch, options.max_running, options.max_waiting) = (2, 1, 3);
    let scripted = Arc::new(Scripted::new(true));
    let store = Batched::with_options(Arc::clone(&scripted), options);
    let mut tasks = Vec::new();
    for number in 0..4 {
        tasks.push(commit(&store, insert(&format!("A-{number}"))).await);
    }
    let refused = store.commit_one(insert("A-9")).await;
    assert!(matches!(refused, Err(StoreError::Unavailable { .. })), "{refused:?}");
    scripted.gate.add_permits(100);
    join_all(tasks).await;
    assert_eq!(scripted.sizes(), [1, 2, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_batch_gets_one_beside_it_and_then_there_is_one_again() {
    let (scripted, store) = batched(Scripted::new(true));
    let mut tasks = vec![commit(&store, insert("A-1")).await, commit(&store, insert("A-2")).await];
    sleep(Duration::from_millis(40)).await;
    assert_eq!(scripted.sizes(), [1], "it may end soon");
    sleep(Duration::from_millis(20)).await;
    assert_eq!(scripted.sizes(), [1, 1], "it is slow");
    for number in 3..6 {
        tasks.push(commit(&store, insert(&format!("A-{number}"))).await);
    }
    sleep(Duration::from_millis(200)).await;
    assert_eq!(scripted.sizes(), [1, 1], "there are no more than two");
    // Both end. One of them goes on with what waits, and what is asked for then waits for it.
    scripted.gate.add_permits(2);
    settle().await;
    assert_eq!(scripted.sizes(), [1, 1, 3]);
    for number in 6..9 {
        tasks.push(commit(&store, insert(&format!("A-{number}"))).await);
    }
    assert_eq!(scripted.sizes(), [1, 1, 3]);
    scripted.gate.add_permits(2);
    for outcome in join_all(tasks).await {
        outcome.unwrap().unwrap();
    }
    assert_eq!(scripted.sizes(), [1, 1, 3, 3]);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_hangs_delays_nobody_for_long() {
    let (scripted, store) = batched(Scripted { hangs: AtomicUsize::new(1), ..Scripted::new(false) });
    let order = inserted(&scripted, "A-1").await;
    let _hangs = commit(&store, insert("H-1")).await;
    let started = Instant::now();
    // Two of one order: never in one batch.
    let (first, after) = to_status(&order, OrderStatus::Picking, 1);
    let (second, _) = to_status(&after, OrderStatus::Packing, 2);
    let changes = [commit(&store, first).await, commit(&store, second).await];
    for outcome in join_all(changes).await {
        outcome.unwrap().unwrap();
    }
    assert!(started.elapsed() <= Duration::from_millis(110), "{:?}", started.elapsed());
    // Those that come later go on beside it.
    let started = Instant::now();
    for number in 0..10 {
        store.commit_one(insert(&format!("B-{number}"))).await.unwrap();
    }
    assert!(started.elapsed() < Duration::from_millis(10), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_waited_too_long_is_not_made() {
    let (scripted, store) = batched(Scripted::new(true));
    let under_way = [commit(&store, insert("A-1")).await, commit(&store, insert("A-2")).await];
    // Both places are taken.
    sleep(Duration::from_millis(60)).await;
    let late = commit(&store, insert("A-3")).await;
    sleep(Duration::from_secs(3)).await;
    scripted.gate.add_permits(100);
    assert!(matches!(late.await.unwrap(), Err(StoreError::Unavailable { .. })));
    assert!(join_all(under_way).await.into_iter().all(|outcome| outcome.unwrap().is_ok()));
    assert_eq!(scripted.sizes(), [1, 1]);
}

#[tokio::test]
async fn futures_that_nobody_polls_stall_nobody() {
    let (_, store) = batched(Scripted::new(false));
    // As a buffered stream does whose consumer asks the same store.
    let mut held = Vec::new();
    for number in 0..10 {
        let store = store.clone();
        let mut call = Box::pin(async move { store.insert(&new_order(&format!("A-{number}")), &stamp(0)).await });
        assert!(futures_util::poll!(&mut call).is_pending());
        held.push(call);
    }
    let ask = async {
        store.find_by_number(&"A-1".parse().unwrap()).await.unwrap();
        store.insert(&new_order("B-1"), &stamp(0)).await.unwrap();
    };
    tokio::time::timeout(Duration::from_secs(5), ask).await.unwrap();
    let numbers: BTreeMap<_, _> =
        join_all(held).await.into_iter().map(|order| order.unwrap()).map(|order| (order.id, order.number)).collect();
    assert_eq!(numbers.len(), 10);
}
