//! Pings of a store: one at a time, however many ask, and the result of the last one.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use provesi_core::{App, Chain, Health, StoreError};
use tokio::sync::watch;

/// How long a probe waits for the ping before it reports the result of the last one.
const PROBE_TIMEOUT: Duration = Duration::from_millis(400);

/// Which store is pinged.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Store {
    Clients,
    Orders,
}

/// Pings a store. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Probe(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    app: App,
    store: Store,
    timeout: Duration,
    state: Mutex<State>,
}

type Answered = watch::Receiver<Option<Arc<Health>>>;

#[derive(Debug, Default)]
struct State {
    running: Option<Answered>,
    last: Option<Arc<Health>>,
}

impl Probe {
    /// A store that does not answer within `timeout` counts as unavailable.
    pub(crate) fn new(app: App, store: Store, timeout: Duration) -> Self {
        Self(Arc::new(Inner { app, store, timeout, state: Mutex::default() }))
    }

    /// Pings the store, or waits for the ping that is running.
    pub(crate) async fn ping(&self) -> Arc<Health> {
        let mut answered = self.running();
        match answered.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(health)) => Arc::clone(health),
            _ => self.unavailable("the ping was cancelled"),
        }
    }

    /// As [`ping`](Self::ping), for at most 400 ms. A ping that takes longer goes on, and the result of the last one is
    /// reported meanwhile: a store that is busy for a moment is not reported as unavailable.
    pub(crate) async fn last_state(&self) -> Arc<Health> {
        match tokio::time::timeout(PROBE_TIMEOUT, self.ping()).await {
            Ok(health) => health,
            Err(elapsed) => self.lock().last.clone().unwrap_or_else(|| self.unavailable(elapsed)),
        }
    }

    fn running(&self) -> Answered {
        let mut state = self.lock();
        if let Some(running) = &state.running {
            return running.clone();
        }
        let (sender, answered) = watch::channel(None);
        state.running = Some(answered.clone());
        let probe = self.clone();
        // A task of its own: it ends in time whether or not its callers wait for it.
        tokio::spawn(async move {
            let health = Arc::new(probe.ping_store().await);
            let mut state = probe.lock();
            state.running = None;
            state.last = Some(Arc::clone(&health));
            sender.send_replace(Some(health));
        });
        answered
    }

    async fn ping_store(&self) -> Health {
        let Inner { app, store, timeout, .. } = &*self.0;
        let ping = async {
            match store {
                Store::Clients => app.clients_health().await,
                Store::Orders => app.orders_health().await,
            }
        };
        let health = match tokio::time::timeout(*timeout, AssertUnwindSafe(ping).catch_unwind()).await {
            Ok(Ok(health)) => health,
            Ok(Err(_)) => Health { database: self.database(), answer: Err(StoreError::backend("the ping panicked")) },
            Err(elapsed) => Health { database: self.database(), answer: Err(StoreError::unavailable(elapsed)) },
        };
        if let Err(error) = &health.answer {
            tracing::warn!(database = health.database, error = %Chain(error), "a store failed its health check");
        }
        health
    }

    fn unavailable(&self, source: impl Into<provesi_core::Source>) -> Arc<Health> {
        Arc::new(Health { database: self.database(), answer: Err(StoreError::unavailable(source)) })
    }

    fn database(&self) -> String {
        match self.0.store {
            Store::Clients => self.0.app.clients().database(),
            Store::Orders => self.0.app.orders().database(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The probes of both stores.
#[derive(Clone, Debug)]
pub(crate) struct Probes {
    pub(crate) clients: Probe,
    pub(crate) orders: Probe,
}

impl Probes {
    pub(crate) fn new(app: &App, timeout: Duration) -> Self {
        let probe = |store| Probe::new(app.clone(), store, timeout);
        Self { clients: probe(Store::Clients), orders: probe(Store::Orders) }
    }
}
