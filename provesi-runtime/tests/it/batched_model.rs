//! Random schedules of reads, writes, locks, failures and cancellations: what each caller was told is what the store did.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use provesi_core::{
    Actor, ActorName, Expected, Order, OrderClaim, OrderId, OrderKey, OrderRepository, OrderRepositoryExt, OrderRow,
    OrderStatus, OrderWrite, PageLimit, Stamp, StoreError, Stored,
};
use provesi_runtime::{BatchOptions, Batched};
use provesi_testkit::MemoryStore;
use provesi_testkit::data::{at, in_status, new_order};
use rand::rngs::StdRng;
use rand::{Rng, RngExt, SeedableRng};
use tokio::time::{sleep, timeout};

const MAX_BATCH: usize = 5;
const MAX_RUNNING: usize = 2;

/// A memory store that takes its time, meets locks and fails at random, and that checks how it is used.
#[derive(Debug)]
struct Random {
    inner: MemoryStore,
    rng: Mutex<StdRng>,
    under_way: Mutex<Vec<HashSet<OrderClaim>>>,
}

impl Random {
    fn below(&self, end: u64) -> u64 {
        self.rng.lock().unwrap().next_u64() % end
    }

    async fn pause(&self) {
        sleep(Duration::from_micros(self.below(3_000))).await;
    }

    /// Fails now and then; `true` if what failed was done all the same.
    fn failure(&self) -> Option<(StoreError, bool)> {
        match self.below(20) {
            0 => Some((StoreError::unavailable("refused"), false)),
            1 => Some((StoreError::outcome_unknown("lost"), false)),
            2 => Some((StoreError::outcome_unknown("lost"), true)),
            _ => None,
        }
    }

    fn enter(&self, writes: &[OrderWrite]) {
        let mut claims = HashSet::new();
        for write in writes {
            // A write may have a claim twice, two writes none in common.
            let of_one: HashSet<_> = write.claims().into_iter().collect();
            assert!(claims.is_disjoint(&of_one), "two writes of one record are in one batch");
            claims.extend(of_one);
        }
        let mut under_way = self.under_way.lock().unwrap();
        assert!(under_way.iter().all(|others| others.is_disjoint(&claims)), "two writes of one record are under way");
        assert!(writes.len() <= MAX_BATCH);
        under_way.push(claims);
        // One more for those that are tried again.
        assert!(under_way.len() <= MAX_RUNNING + 1);
    }

    fn leave(&self, writes: &[OrderWrite]) {
        let claims: HashSet<_> = writes.iter().flat_map(OrderWrite::claims).collect();
        self.under_way.lock().unwrap().retain(|others| *others != claims);
    }
}

#[async_trait]
impl OrderRepository for Random {
    async fn get_many(&self, keys: &[OrderKey]) -> Vec<Result<Option<OrderRow>, StoreError>> {
        self.pause().await;
        let rows = self.inner.get_many(keys).await;
        self.pause().await;
        rows
    }

    async fn commit(&self, _: &[OrderWrite]) -> Vec<Result<Option<OrderId>, StoreError>> {
        unreachable!("single writes are tried")
    }

    async fn try_commit(&self, writes: &[OrderWrite]) -> Vec<Result<Option<OrderId>, StoreError>> {
        self.enter(writes);
        self.pause().await;
        let failure = self.failure();
        let mut outcomes = Vec::new();
        for write in writes {
            let outcome = match &failure {
                Some((_, false)) => Ok(None),
                _ if self.below(10) == 0 && failure.is_none() => Err(StoreError::Locked),
                _ => self.inner.commit_one(write.clone()).await,
            };
            outcomes.push(failure.as_ref().map_or(outcome, |(error, _)| Err(error.clone())));
        }
        self.pause().await;
        self.leave(writes);
        outcomes
    }

    provesi_core::forward_order_repository!(
        |store| &store.inner; database, page, count, client_ids, events, entries, ping
    );
}

/// What a caller knows of a write.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Told {
    Done,
    NotDone,
    Nothing,
}

type Log = Arc<Mutex<BTreeMap<String, Told>>>;

struct Clerk {
    name: String,
    store: Batched<Arc<Random>>,
    rng: StdRng,
    log: Log,
    /// The clerk's own order, which nobody else changes, if its state is known.
    own: Option<Order>,
    steps: i64,
}

impl Clerk {
    fn stamp(&mut self) -> Stamp {
        self.steps += 1;
        let name = ActorName::parse(&format!("{}-{}", self.name, self.steps)).unwrap();
        Stamp { at: at(self.steps), actor: Actor::User(name), address: None }
    }

    /// Makes a write, gives up waiting now and then, and notes what it was told.
    async fn write(&mut self, write: OrderWrite) -> Told {
        let key = write.stamp().actor.to_string();
        let store = self.store.clone();
        let patience = Duration::from_micros(if self.rng.random_bool(0.1) { 2_000 } else { 60_000_000 });
        let told = match timeout(patience, store.commit_one(write)).await {
            Ok(Ok(_)) => Told::Done,
            Ok(Err(StoreError::OutcomeUnknown { .. })) | Err(_) => Told::Nothing,
            Ok(Err(_)) => Told::NotDone,
        };
        self.log.lock().unwrap().insert(key, told);
        told
    }

    async fn change(&mut self, order: &Order) -> Option<Order> {
        let status = OrderStatus::ALL[self.rng.random_range(0..OrderStatus::ALL.len())];
        let stamp = self.stamp();
        let before = Stored::<Order>::new(order.into());
        let after = before.with_content(in_status(order, status), stamp.at)?;
        let told = self.write(OrderWrite::replace(before, after.clone(), stamp)).await;
        (told == Told::Done).then_some(after)
    }

    async fn work(mut self) {
        let own = format!("Own-{}", self.name).parse().unwrap();
        for _ in 0..30 {
            match self.rng.random_range(0..4) {
                // The own order is as the last write left it.
                0 => {
                    let found = self.store.find_by_number(&own).await.unwrap();
                    if let Some(known) = &self.own {
                        assert_eq!(found.as_ref(), Some(known), "a clerk does not read its own write");
                    }
                    // What an unknown write did may still change, but not after this clerk's next write was made.
                    match (found, self.own.clone()) {
                        (Some(_), Some(known)) => self.own = self.change(&known).await,
                        (Some(found), None) => self.own = self.change(&found).await,
                        (None, _) => {
                            let stamp = self.stamp();
                            let _ = self.write(OrderWrite::insert(new_order(own.as_str()), stamp)).await;
                        }
                    }
                }
                1 => {
                    let number = format!("S-{}", self.rng.random_range(0..4)).parse().unwrap();
                    if let Some(found) = self.store.find_by_number(&number).await.unwrap() {
                        let _ = self.change(&found).await;
                    }
                }
                2 => {
                    let number = format!("s-{}", self.rng.random_range(0..4));
                    let stamp = self.stamp();
                    let _ = self.write(OrderWrite::insert(new_order(&number), stamp)).await;
                }
                _ => {
                    let number = format!("S-{}", self.rng.random_range(0..4)).parse().unwrap();
                    let found = self.store.load(OrderKey::Number(number)).await.unwrap();
                    if let Some(found) = found.filter(|_| self.rng.random_bool(0.3)) {
                        let stamp = self.stamp();
                        let _ = self.write(OrderWrite::delete(found, stamp)).await;
                    }
                }
            }
        }
    }
}

async fn run(seed: u64) {
    let random =
        Random { inner: MemoryStore::new(), rng: Mutex::new(StdRng::seed_from_u64(seed)), under_way: Mutex::default() };
    let random = Arc::new(random);
    let mut options = BatchOptions::default();
    (options.max_batch, options.max_running) = (MAX_BATCH, MAX_RUNNING);
    let store = Batched::with_options(Arc::clone(&random), options);
    let log = Log::default();
    let clerks = (0..12).map(|number| {
        let rng = StdRng::seed_from_u64(seed * 100 + number);
        let (store, log) = (store.clone(), Arc::clone(&log));
        let clerk = Clerk { name: format!("C{number}"), store, rng, log, own: None, steps: 0 };
        tokio::spawn(clerk.work())
    });
    for clerk in join_all(clerks).await {
        clerk.unwrap();
    }
    // What was given up may be under way.
    sleep(Duration::from_secs(10)).await;

    let mut made: BTreeMap<String, usize> = BTreeMap::new();
    for event in random.inner.feed(None, PageLimit::new(1_000).unwrap()).await.unwrap() {
        *made.entry(event.actor.to_string()).or_default() += 1;
    }
    for (write, told) in &*log.lock().unwrap() {
        let times = made.remove(write);
        match told {
            // A change of status and reason has two events.
            Told::Done => assert!(times.is_some(), "seed {seed}: {write} was told done, and was not"),
            Told::NotDone => assert_eq!(times, None, "seed {seed}: {write} was told not done"),
            Told::Nothing => {}
        }
    }
    assert!(made.is_empty(), "seed {seed}: nobody asked for {made:?}");
    // Nothing is left behind: every order can be written at once.
    for number in 0..4 {
        let number = format!("S-{number}").parse().unwrap();
        if let Some(order) = random.inner.find_by_number(&number).await.unwrap() {
            while let Err(error) =
                store.delete(order.id, Expected::Any, &Stamp::new(at(9_999), &provesi_core::Caller::default())).await
            {
                assert!(
                    error.is_transient() || matches!(error, StoreError::OutcomeUnknown { .. } | StoreError::NotFound)
                );
                if matches!(error, StoreError::NotFound) {
                    break;
                }
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_callers_are_told_is_what_the_store_did() {
    for seed in 0..60 {
        run(seed).await;
    }
}
