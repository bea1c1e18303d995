//! What a case of the suite is given, and how it is run.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use provesi_core::{ClientRepository, OrderRepository};

/// An empty store for one case, with what must live as long as it: a directory, a schema, a server.
pub struct Fixture<S: ?Sized> {
    store: Arc<S>,
    guard: Guard,
}

/// Kept until the case is over, then dropped after the store.
pub type Guard = Box<dyn Any + Send>;

impl<S> Fixture<S> {
    /// A store that needs nothing kept.
    pub fn new(store: S) -> Self {
        Self { store: Arc::new(store), guard: Box::new(()) }
    }
}

impl<S: ?Sized> Fixture<S> {
    /// A store that is shared already, such as an `Arc<dyn OrderRepository>`.
    #[must_use]
    pub fn shared(store: Arc<S>) -> Self {
        Self { store, guard: Box::new(()) }
    }

    /// Keeps `guard` until the case is over, besides what is kept already.
    #[must_use]
    pub fn keeping(self, guard: impl Any + Send) -> Self {
        Self { store: self.store, guard: Box::new((guard, self.guard)) }
    }

    /// The store and what must outlive it.
    #[must_use]
    pub fn into_parts(self) -> (Arc<S>, Guard) {
        (self.store, self.guard)
    }
}

impl<S: ?Sized> fmt::Debug for Fixture<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fixture").finish_non_exhaustive()
    }
}

/// How a fixture hands its store to a suite: the case owns the only handle.
pub trait Share<P: ?Sized> {
    /// The store behind its port, and what must outlive it.
    fn share(self) -> (Arc<P>, Guard);
}

impl<S: ClientRepository> Share<dyn ClientRepository> for Fixture<S> {
    fn share(self) -> (Arc<dyn ClientRepository>, Guard) {
        (self.store, self.guard)
    }
}

impl<S: OrderRepository> Share<dyn OrderRepository> for Fixture<S> {
    fn share(self) -> (Arc<dyn OrderRepository>, Guard) {
        (self.store, self.guard)
    }
}

impl Share<dyn ClientRepository> for Fixture<dyn ClientRepository> {
    fn share(self) -> (Arc<dyn ClientRepository>, Guard) {
        self.into_parts()
    }
}

impl Share<dyn OrderRepository> for Fixture<dyn OrderRepository> {
    fn share(self) -> (Arc<dyn OrderRepository>, Guard) {
        self.into_parts()
    }
}

/// The longest that a case may take. Stores must not wait without end, so a case that does has found a fault.
const TIME_LIMIT: Duration = Duration::from_secs(300);

/// Runs a case on a runtime of its own with two threads, so that its tasks do run at once.
///
/// # Panics
/// As the case does, and where it takes longer than five minutes.
pub fn run(case: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime can be had");
    let in_time = runtime.block_on(async { tokio::time::timeout(TIME_LIMIT, case).await.is_ok() });
    assert!(in_time, "the case was not over after {TIME_LIMIT:?}");
}
