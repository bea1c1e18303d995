//! Figures that take time in proportion to the table: counted now and then, never for a view.
//!
//! At most one count runs at a time, and counting takes at most a twentieth of the time, however large the table. Who
//! asks meanwhile gets the last figures; only where there are none, or very old ones, is a count waited for, and then not
//! for long.

use std::fmt::Debug;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use provesi_core::{App, AppError, Chain};
use tokio::sync::watch;

/// How long figures are good for.
const FRESH: Duration = Duration::from_secs(5);
/// Figures older than this are waited for.
const OLD: Duration = Duration::from_secs(60);
/// For how long they are waited for.
const PATIENCE: Duration = Duration::from_millis(300);
/// How long a count may take.
const LIMIT: Duration = Duration::from_secs(30);

/// How figures are counted.
pub(crate) type Count<T> = fn(App) -> BoxFuture<'static, Result<T, AppError>>;

/// The figures of the last count.
#[derive(Clone, Debug)]
pub(crate) struct Figures<T> {
    app: App,
    count: Count<T>,
    state: Arc<Mutex<State<T>>>,
    /// The number of counts that ended.
    ended: watch::Sender<u64>,
}

#[derive(Debug)]
struct State<T> {
    last: Option<(Instant, T)>,
    running: bool,
    /// No count begins before.
    not_before: Option<Instant>,
}

impl<T: Copy + Debug + Send + 'static> Figures<T> {
    pub(crate) fn new(app: App, count: Count<T>) -> Self {
        let state = State { last: None, running: false, not_before: None };
        Self { app, count, state: Arc::new(Mutex::new(state)), ended: watch::Sender::new(0) }
    }

    /// The figures, or none where there are none in time.
    pub(crate) async fn get(&self) -> Option<T> {
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
                tokio::spawn(self.clone().run());
            }
            (state.last, state.running && age.is_none_or(|age| age >= OLD))
        };
        if wait {
            let _ = tokio::time::timeout(PATIENCE, ended.changed()).await;
            return self.state().last.map(|(_, figures)| figures);
        }
        last.map(|(_, figures)| figures)
    }

    async fn run(self) {
        let began = Instant::now();
        // Also where a store panics, `running` has to end.
        let counted = tokio::spawn(tokio::time::timeout(LIMIT, (self.count)(self.app.clone()))).await;
        let now = Instant::now();
        {
            let mut state = self.state();
            state.running = false;
            state.not_before = Some(now + FRESH.max(20 * now.duration_since(began)).min(10 * OLD));
            match counted {
                Ok(Ok(Ok(figures))) => state.last = Some((now, figures)),
                Ok(Ok(Err(error))) => tracing::warn!(error = %Chain(&error), "orders were not counted"),
                Ok(Err(_)) => tracing::warn!(limit = ?LIMIT, "counting orders took too long"),
                Err(_) => tracing::error!("counting orders panicked"),
            }
        }
        self.ended.send_modify(|ended| *ended += 1);
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
