//! A store that fails or stalls on demand.

mod audit;
mod call;

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use provesi_core::{
    ClientCursor, ClientFilter, ClientId, ClientKey, ClientListing, ClientRepository, ClientRow, ClientWrite, Entry,
    EntryQuery, EventQuery, OrderCount, OrderCounts, OrderCursor, OrderEvent, OrderId, OrderKey, OrderListing,
    OrderRepository, OrderRow, OrderWrite, Page, PageRequest, StoreError,
};
use tokio::sync::{Notify, Semaphore};

pub use call::Call;

/// A store around another that does what its [`Faults`] say: methods fail before or after the inner call took effect,
/// or wait until they are let go. Without faults it does what the inner store does.
#[derive(Clone, Debug)]
pub struct FaultyStore<S> {
    inner: S,
    faults: Faults,
}

impl<S> FaultyStore<S> {
    /// A store around `inner`, and the handle that arms its faults.
    pub fn new(inner: S) -> (Self, Faults) {
        let faults = Faults::default();
        (Self { inner, faults: faults.clone() }, faults)
    }
}

/// What a method does instead of its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Fails with [`StoreError::Unavailable`] before the inner store is asked: nothing happened.
    FailBefore,
    /// Fails after the inner store did its work: a write, which was made, with [`StoreError::OutcomeUnknown`], a read with
    /// [`StoreError::Unavailable`].
    FailAfter,
    /// Fails with [`StoreError::Degraded`] (`disk full`) before the inner store is asked.
    Degrade,
    /// Fails with [`StoreError::Backend`] before the inner store is asked.
    Break,
    /// Panics, as a store with a bug would, before the inner store is asked.
    Panic,
    /// Waits, before the inner store is asked, until [`Faults::clear`].
    Stall,
    /// Waits, before the inner store is asked, for a [`Faults::step`].
    Step,
    /// The first outcome of a call with many keys is [`StoreError::Corrupt`]; the others do their work.
    CorruptFirst,
    /// A page of clients has its first item alone and says that the store stopped early; what else there is does its
    /// work.
    StopEarly,
}

/// The handle that arms the faults of a [`FaultyStore`].
#[derive(Clone, Debug, Default)]
pub struct Faults {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    armed: Mutex<Armed>,
    /// Somebody stalls.
    stalled: Notify,
    /// Nobody is to stall any more.
    released: Arc<Notify>,
    steps: Steps,
}

/// How many calls may go on.
#[derive(Debug)]
struct Steps(Semaphore);

impl Default for Steps {
    fn default() -> Self {
        Self(Semaphore::new(0))
    }
}

#[derive(Debug, Default)]
struct Armed {
    /// What every method does.
    all: Option<Fault>,
    /// What single methods do.
    methods: HashMap<Call, Plan>,
    stalling: usize,
    steps_asked: usize,
    steps_granted: usize,
    /// How often each method was called.
    calls: BTreeMap<Call, usize>,
}

/// Counts a call among those that stall, until it goes on or is dropped.
struct Stalling(Faults);

impl Stalling {
    fn begin(faults: Faults) -> Self {
        faults.with(|armed| armed.stalling += 1);
        faults.shared.stalled.notify_one();
        Self(faults)
    }
}

impl Drop for Stalling {
    fn drop(&mut self) {
        self.0.with(|armed| armed.stalling -= 1);
    }
}

/// A method's fault: so many calls are let through first, and so many meet it then.
#[derive(Debug)]
struct Plan {
    fault: Fault,
    skip: usize,
    calls: usize,
}

impl Faults {
    /// What the cause of every error says. As a driver's may, it holds what no answer to a client may.
    pub const CAUSE: &str = "a fault on demand of db://user:secret@host";

    /// Makes every method fail, before anything happened, until [`clear`](Self::clear).
    pub fn fail_all(&self) {
        self.arm_all(Fault::FailBefore);
    }

    /// Arms a fault of every method, until [`clear`](Self::clear).
    pub fn arm_all(&self, fault: Fault) {
        self.with(|armed| armed.all = Some(fault));
    }

    /// Arms a fault of the next `calls` calls of this method.
    pub fn arm(&self, call: Call, fault: Fault, calls: usize) {
        self.with(|armed| armed.methods.insert(call, Plan { fault, skip: 0, calls }));
    }

    /// Arms a fault of this method that comes after `skip` calls, and stays until [`clear`](Self::clear).
    pub fn arm_after(&self, call: Call, fault: Fault, skip: usize) {
        self.with(|armed| armed.methods.insert(call, Plan { fault, skip, calls: usize::MAX }));
    }

    /// Makes the next call of this method wait until [`clear`](Self::clear).
    pub fn stall(&self, call: Call) {
        self.arm(call, Fault::Stall, 1);
    }

    /// Waits until a call stalls.
    pub async fn stalled(&self) {
        while self.with(|armed| armed.stalling == 0) {
            self.shared.stalled.notified().await;
        }
    }

    /// Lets one call go on that waits under [`Fault::Step`], or the next one.
    pub fn step(&self) {
        self.with(|armed| armed.steps_granted += 1);
        self.shared.steps.0.add_permits(1);
    }

    /// Whether a call waits for a [`step`](Self::step).
    #[must_use]
    pub fn wants_step(&self) -> bool {
        self.with(|armed| armed.steps_asked > armed.steps_granted)
    }

    /// How often each method was called since this was last asked, faults or not.
    #[must_use]
    pub fn take_calls(&self) -> BTreeMap<Call, usize> {
        self.with(|armed| std::mem::take(&mut armed.calls))
    }

    /// Disarms all faults, and lets go whoever stalls.
    pub fn clear(&self) {
        self.with(|armed| {
            armed.all = None;
            armed.methods.clear();
        });
        self.shared.released.notify_waiters();
    }

    fn with<T>(&self, work: impl FnOnce(&mut Armed) -> T) -> T {
        work(&mut self.shared.armed.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn next(&self, call: Call) -> Option<Fault> {
        self.with(|armed| {
            *armed.calls.entry(call).or_default() += 1;
            match armed.methods.get_mut(&call) {
                Some(plan) if plan.skip > 0 => plan.skip -= 1,
                Some(plan) if plan.calls > 0 => {
                    plan.calls -= 1;
                    return Some(plan.fault);
                }
                _ => {}
            }
            armed.all
        })
    }

    /// What comes before the inner call: an error instead of it, or the fault that comes afterwards.
    async fn before(&self, call: Call) -> Result<Option<Fault>, StoreError> {
        match self.next(call) {
            after @ (None | Some(Fault::FailAfter | Fault::StopEarly | Fault::CorruptFirst)) => Ok(after),
            Some(Fault::FailBefore) => Err(unavailable()),
            Some(Fault::Degrade) => Err(degraded()),
            Some(Fault::Break) => Err(StoreError::backend(Self::CAUSE)),
            Some(Fault::Panic) => panic!("{}", Self::CAUSE),
            Some(Fault::Stall) => {
                self.stall_here().await;
                Ok(None)
            }
            Some(Fault::Step) => {
                self.with(|armed| armed.steps_asked += 1);
                self.shared.steps.0.acquire().await.map_err(StoreError::backend)?.forget();
                Ok(None)
            }
        }
    }

    /// What stalls from its first poll on, until the faults are cleared.
    fn stall_here(&self) -> impl Future<Output = ()> + Send + use<> {
        // Asked for before anybody is told of the stall, and before a stream is polled, so that no release is missed.
        let released = Arc::clone(&self.shared.released).notified_owned();
        let faults = self.clone();
        async move {
            let _stalling = Stalling::begin(faults);
            released.await;
        }
    }

    /// What a call returns under the armed fault. After its work it fails with `late`.
    async fn around<T>(
        &self,
        call: Call,
        late: fn() -> StoreError,
        inner: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let after = self.before(call).await?;
        let result = inner.await;
        if after == Some(Fault::FailAfter) { Err(late()) } else { result }
    }

    /// As [`around`](Self::around), of a call with an outcome for each of `positions`.
    async fn around_each<T>(
        &self,
        call: Call,
        positions: usize,
        late: fn() -> StoreError,
        inner: impl Future<Output = Vec<Result<T, StoreError>>> + Send,
    ) -> Vec<Result<T, StoreError>> {
        let each = |error: fn() -> StoreError| (0..positions).map(|_| Err(error())).collect();
        match self.before(call).await {
            Err(error) => (0..positions).map(|_| Err(error.clone())).collect(),
            Ok(Some(Fault::FailAfter)) => {
                inner.await;
                each(late)
            }
            Ok(Some(Fault::CorruptFirst)) => {
                let mut outcomes = inner.await;
                if let Some(first) = outcomes.first_mut() {
                    *first = Err(StoreError::corrupt(Self::CAUSE));
                }
                outcomes
            }
            Ok(_) => inner.await,
        }
    }
}

/// The page as it would be had the store stopped after its first item.
fn stopped_early(mut page: Page<ClientRow, ClientCursor>, listing: &ClientListing) -> Page<ClientRow, ClientCursor> {
    page.items.truncate(1);
    match page.items.last().map(|last| listing.cursor_at(last)) {
        Some(next) => Page::stopped_early(page.items, next),
        None => page,
    }
}

fn degraded() -> StoreError {
    StoreError::degraded("disk full", Faults::CAUSE)
}

fn outcome_unknown() -> StoreError {
    StoreError::outcome_unknown(Faults::CAUSE)
}

fn unavailable() -> StoreError {
    StoreError::unavailable(Faults::CAUSE)
}

#[async_trait]
impl<S: ClientRepository> ClientRepository for FaultyStore<S> {
    fn database(&self) -> String {
        self.inner.database()
    }

    async fn get_many(&self, keys: &[ClientKey]) -> Vec<Result<Option<ClientRow>, StoreError>> {
        self.faults.around_each(Call::GetMany, keys.len(), unavailable, self.inner.get_many(keys)).await
    }

    async fn commit(&self, writes: &[ClientWrite]) -> Vec<Result<(), StoreError>> {
        self.faults.around_each(Call::Commit, writes.len(), outcome_unknown, self.inner.commit(writes)).await
    }

    async fn page(
        &self,
        listing: &ClientListing,
        request: &PageRequest<ClientCursor>,
    ) -> Result<Page<ClientRow, ClientCursor>, StoreError> {
        let after = self.faults.before(Call::Page).await?;
        let page = self.inner.page(listing, request).await?;
        match after {
            Some(Fault::FailAfter) => Err(unavailable()),
            Some(Fault::StopEarly) => Ok(stopped_early(page, listing)),
            _ => Ok(page),
        }
    }

    async fn count(&self, filter: &ClientFilter) -> Result<u64, StoreError> {
        self.faults.around(Call::Count, unavailable, self.inner.count(filter)).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.faults.around(Call::Ping, unavailable, self.inner.ping()).await
    }
}

#[async_trait]
impl<S: OrderRepository> OrderRepository for FaultyStore<S> {
    fn database(&self) -> String {
        self.inner.database()
    }

    async fn get_many(&self, keys: &[OrderKey]) -> Vec<Result<Option<OrderRow>, StoreError>> {
        self.faults.around_each(Call::GetMany, keys.len(), unavailable, self.inner.get_many(keys)).await
    }

    async fn commit(&self, writes: &[OrderWrite]) -> Vec<Result<Option<OrderId>, StoreError>> {
        self.faults.around_each(Call::Commit, writes.len(), outcome_unknown, self.inner.commit(writes)).await
    }

    async fn page(
        &self,
        listing: &OrderListing,
        request: &PageRequest<OrderCursor>,
    ) -> Result<Page<OrderRow, OrderCursor>, StoreError> {
        self.faults.around(Call::Page, unavailable, self.inner.page(listing, request)).await
    }

    async fn count(&self, query: &OrderCount) -> Result<OrderCounts, StoreError> {
        self.faults.around(Call::Count, unavailable, self.inner.count(query)).await
    }

    async fn client_ids(&self, request: &PageRequest<ClientId>) -> Result<Page<ClientId, ClientId>, StoreError> {
        self.faults.around(Call::ClientIds, unavailable, self.inner.client_ids(request)).await
    }

    async fn events(&self, query: &EventQuery) -> Result<Vec<OrderEvent>, StoreError> {
        self.faults.around(Call::Events, unavailable, self.inner.events(query)).await
    }

    async fn entries(&self, query: &EntryQuery) -> Result<Vec<Entry>, StoreError> {
        self.faults.around(Call::Entries, unavailable, self.inner.entries(query)).await
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.faults.around(Call::Ping, unavailable, self.inner.ping()).await
    }
}
