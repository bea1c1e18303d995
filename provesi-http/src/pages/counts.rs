//! How many orders are in each status, for the home page and the filters: counted now and then, never for a view.
//!
//! At most one count runs at a time, and counting takes at most a twentieth of the time, however large the table. Who
//! asks meanwhile gets the last figures; only where there are none, or very old ones, is a count waited for, and then not
//! for long.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use provesi_core::{App, AppError, Chain, Direction, OrderFilter, OrderListing, OrderSort, OrderStatus};
use tokio::sync::watch;

/// How long figures are good for.
const FRESH: Duration = Duration::from_secs(5);
/// Figures older than this are waited for.
const OLD: Duration = Duration::from_secs(60);
/// For how long they are waited for.
const PATIENCE: Duration = Duration::from_millis(300);
/// How long a count may take.
const LIMIT: Duration = Duration::from_secs(30);

/// How many orders are in each status, in the order of [`OrderStatus::ALL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Counts([u64; 7]);

impl Counts {
    /// The orders in this status.
    pub(crate) const fn of(&self, status: OrderStatus) -> u64 {
        self.0[status as usize]
    }

    /// All orders.
    pub(crate) fn total(&self) -> u64 {
        self.0.iter().sum()
    }
}

/// The figures of the last count.
#[derive(Clone, Debug)]
pub(crate) struct StatusCounts {
    app: App,
    state: Arc<Mutex<State>>,
    /// The number of counts that ended.
    ended: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct State {
    last: Option<(Instant, Counts)>,
    running: bool,
    /// No count begins before.
    not_before: Option<Instant>,
}

impl StatusCounts {
    pub(crate) fn new(app: App) -> Self {
        Self { app, state: Arc::default(), ended: watch::Sender::new(0) }
    }

    /// The figures, or none where there are none in time.
    pub(crate) async fn get(&self) -> Option<Counts> {
        // Looked at before the state, so that no end is missed.
        let mut ended = self.ended.subscribe();
        ended.mark_unchanged();
        let now = Instant::now();
        let (last, wait) = {
            let mut state = self.state();
            let age = state.last.map(|(at, _)| now.duration_since(at));
            let may_begin = !state.running && state.not_before.is_none_or(|instant| now >= instant);
            if may_begin && age.is_none_or(|age| age >= FRESH) {
                state.running = true;
                tokio::spawn(self.clone().count());
            }
            (state.last, state.running && age.is_none_or(|age| age >= OLD))
        };
        if wait {
            let _ = tokio::time::timeout(PATIENCE, ended.changed()).await;
            return self.state().last.map(|(_, counts)| counts);
        }
        last.map(|(_, counts)| counts)
    }

    async fn count(self) {
        let began = Instant::now();
        // Also where a store panics, `running` has to end.
        let counted = tokio::spawn(tokio::time::timeout(LIMIT, count(self.app.clone()))).await;
        let now = Instant::now();
        {
            let mut state = self.state();
            state.running = false;
            state.not_before = Some(now + FRESH.max(20 * now.duration_since(began)).min(10 * OLD));
            match counted {
                Ok(Ok(Ok(counts))) => state.last = Some((now, counts)),
                Ok(Ok(Err(error))) => tracing::warn!(error = %Chain(&error), "orders were not counted"),
                Ok(Err(_)) => tracing::warn!(limit = ?LIMIT, "counting orders took too long"),
                Err(_) => tracing::error!("counting orders panicked"),
            }
        }
        self.ended.send_modify(|ended| *ended += 1);
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn count(app: App) -> Result<Counts, AppError> {
    let mut counts = [0; 7];
    for (status, count) in OrderStatus::ALL.into_iter().zip(&mut counts) {
        let mut filter = OrderFilter::default();
        filter.statuses.insert(status);
        let listing = OrderListing::new(filter, OrderSort::UpdatedAt, Direction::Descending);
        *count = app.count_orders_of(&listing).await?;
    }
    Ok(Counts(counts))
}
