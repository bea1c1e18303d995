//! Calls of one kind, and the tasks that make them in batches.

use std::hash::Hash;
use std::panic::AssertUnwindSafe;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use provesi_core::StoreError;
use tokio::time::{Instant, timeout};

use super::BatchOptions;
use super::state::{State, Waiting};

/// The pauses before writes that are held up are tried again: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(50));

/// How long a batch is under way before another one starts beside it.
pub(super) const SLOW: Duration = Duration::from_millis(50);

/// How long a call waits at most for a store that does not answer, before its turn.
const STALL: Duration = Duration::from_millis(500);

/// A kind of call.
pub(super) trait Calls: Send + Sync + 'static {
    type Call: Clone + Send + Sync + 'static;
    type Value: Send + 'static;
    /// What only one of the calls that are under way may have.
    type Claim: Clone + Eq + Hash + Send + Sync + 'static;
    const WRITES: bool;

    fn claims(call: &Self::Call) -> Vec<Self::Claim>;
}

/// Makes many calls at once.
#[async_trait]
pub(super) trait Join<C: Calls>: Send + Sync + 'static {
    async fn join(&self, calls: &[C::Call]) -> Vec<Result<C::Value, StoreError>>;
}

pub(super) struct Lane<C: Calls>(Arc<Shared<C>>);

impl<C: Calls> Clone for Lane<C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

struct Shared<C: Calls> {
    options: BatchOptions,
    state: Mutex<State<C>>,
}

impl<C: Calls> Lane<C> {
    pub(super) fn new(options: BatchOptions) -> Self {
        Self(Arc::new(Shared { options, state: Mutex::default() }))
    }

    /// Reads, with others if there are any.
    pub(super) async fn read<R: Join<C>>(&self, store: &Arc<R>, call: &C::Call) -> Vec<Result<C::Value, StoreError>> {
        let passing = self.pass();
        if passing.is_some() {
            return store.join(std::slice::from_ref(call)).await;
        }
        vec![self.ask(store, call.clone()).await]
    }

    /// Makes a call, with others that wait.
    pub(super) async fn ask<R: Join<C>>(&self, store: &Arc<R>, call: C::Call) -> Result<C::Value, StoreError> {
        let (waiting, outcome) = Waiting::new(call);
        {
            let mut state = self.0.lock();
            let is_blocked = state.blocks(&waiting);
            if state.push(waiting, &self.0.options).is_err() {
                return Err(StoreError::unavailable("too many calls wait for this store"));
            }
            // Whoever is in the way makes it afterwards.
            if !is_blocked {
                self.start(state, store);
            }
        }
        outcome.await.unwrap_or_else(|_| Err(lost::<C>()))
    }

    /// The right to go past the batches, if there are none.
    fn pass(&self) -> Option<Passing<'_, C>> {
        let mut state = self.0.lock();
        if !state.is_idle() {
            return None;
        }
        state.passes = true;
        Some(Passing(self))
    }

    /// Starts a task for the calls that wait, if there is none, or if those that are there are slow and there may be one more.
    fn start<R: Join<C>>(&self, mut state: MutexGuard<'_, State<C>>, store: &Arc<R>) {
        let are_slow = state.running.values().all(|started| started.elapsed() >= SLOW);
        if are_slow && state.running.len() < self.0.options.max_running.max(1) && state.has_waiting() {
            state.last_task += 1;
            let task = state.last_task;
            state.running.insert(task, Instant::now());
            drop(state);
            tokio::spawn(Worker { lane: self.clone(), store: Arc::clone(store), task, is_counted: true }.run());
        }
    }

    /// Makes a batch and ends its calls. Those that are locked are kept for a retry.
    async fn make<R: Join<C>>(&self, store: &Arc<R>, mut batch: Batch<C>) {
        let started = Instant::now();
        let calls: Vec<_> = batch.calls.iter().map(|waiting| waiting.call.clone()).collect();
        let mut joined = pin!(AssertUnwindSafe(store.join(&calls)).catch_unwind());
        let outcomes = loop {
            match timeout(SLOW, &mut joined).await {
                Ok(outcomes) => break outcomes,
                // Calls that wait need not wait for this batch.
                Err(_) => self.start(self.0.lock(), store),
            }
        };
        // Of a store that panics, or that does not return an outcome for each call, none is known.
        let outcomes = outcomes.ok().filter(|outcomes| outcomes.len() == calls.len());
        let outcomes = outcomes.unwrap_or_else(|| calls.iter().map(|_| Err(lost::<C>())).collect());
        let mut ended = Vec::with_capacity(calls.len());
        // Calls that waited for a store that did not answer fail with this batch: a batch of theirs would wait as long again.
        let is_away = |outcome: &Result<_, _>| matches!(outcome, Err(StoreError::Unavailable { .. }));
        let is_away = started.elapsed() > STALL && outcomes.iter().all(is_away);
        let mut state = self.0.lock();
        if is_away {
            for call in state.take_waiting_for(STALL) {
                ended.push((call, Err(StoreError::unavailable("the store did not answer calls before this one"))));
            }
        }
        for (waiting, outcome) in std::mem::take(&mut batch.calls).into_iter().zip(outcomes) {
            let (waiting, outcome) = match outcome {
                Err(StoreError::Locked) => match state.keep_locked(waiting, &self.0.options) {
                    Some(waiting) => (waiting, Err(StoreError::unavailable(StoreError::Locked))),
                    None => continue,
                },
                outcome => (waiting, outcome),
            };
            state.release(&waiting);
            ended.push((waiting, outcome));
        }
        let starts = state.has_locked() && !state.retries;
        state.retries |= starts;
        drop(state);
        if starts {
            tokio::spawn(Retries { lane: self.clone(), store: Arc::clone(store), is_counted: true }.run());
        }
        for (waiting, outcome) in ended {
            waiting.end(outcome);
        }
    }

    /// Ends what waits for a task whose runtime ends.
    fn abandon(&self, end: impl FnOnce(&mut State<C>)) {
        let calls = {
            let mut state = self.0.lock();
            end(&mut state);
            state.give_up()
        };
        for call in calls {
            call.end(Err(StoreError::unavailable("the runtime that made the calls of this store ended")));
        }
    }

    fn batch(&self, calls: Vec<Waiting<C>>) -> Batch<C> {
        Batch { lane: self.clone(), calls }
    }
}

impl<C: Calls> Shared<C> {
    fn lock(&self) -> MutexGuard<'_, State<C>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call past the batches.
struct Passing<'l, C: Calls>(&'l Lane<C>);

impl<C: Calls> Drop for Passing<'_, C> {
    fn drop(&mut self) {
        self.0.0.lock().passes = false;
    }
}

/// The calls of a batch, which release what they claim even if the runtime ends.
struct Batch<C: Calls> {
    lane: Lane<C>,
    calls: Vec<Waiting<C>>,
}

impl<C: Calls> Drop for Batch<C> {
    fn drop(&mut self) {
        let mut state = self.lane.0.lock();
        self.calls.iter().for_each(|call| state.release(call));
    }
}

/// A task that makes batches until no call can be made.
struct Worker<C: Calls, R> {
    lane: Lane<C>,
    store: Arc<R>,
    task: u64,
    is_counted: bool,
}

impl<C: Calls, R: Join<C>> Worker<C, R> {
    /// Boxed, since a slow batch starts another task.
    fn run(mut self) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            while let Some(batch) = self.next() {
                self.lane.make(&self.store, batch).await;
            }
        })
    }

    fn next(&mut self) -> Option<Batch<C>> {
        let mut state = self.lane.0.lock();
        // Another task that is not slow makes the rest.
        let is_spare = |(task, started): (&u64, &Instant)| *task != self.task && started.elapsed() < SLOW;
        let calls = if state.running.iter().any(is_spare) { Vec::new() } else { state.take(&self.lane.0.options) };
        if calls.is_empty() {
            // Under the lock: whoever asks from here on starts another task.
            state.running.remove(&self.task);
            self.is_counted = false;
            return None;
        }
        state.running.insert(self.task, Instant::now());
        drop(state);
        Some(self.lane.batch(calls))
    }
}

impl<C: Calls, R> Drop for Worker<C, R> {
    fn drop(&mut self) {
        if self.is_counted {
            self.lane.abandon(|state| {
                state.running.remove(&self.task);
            });
        }
    }
}

/// The task that tries writes again that other transactions hold up.
struct Retries<C: Calls, R> {
    lane: Lane<C>,
    store: Arc<R>,
    is_counted: bool,
}

impl<C: Calls, R: Join<C>> Retries<C, R> {
    /// Boxed, since this task and a [`Worker`] start each other.
    fn run(mut self) -> BoxFuture<'static, ()> {
        Box::pin(async move {
            let (mut pause, longest) = PAUSES;
            while self.is_counted {
                tokio::time::sleep(pause).await;
                pause = longest.min(pause * 2);
                if let Some(batch) = self.next() {
                    self.lane.make(&self.store, batch).await;
                }
                // What was released may be what others wait for.
                self.lane.start(self.lane.0.lock(), &self.store);
            }
        })
    }

    fn next(&mut self) -> Option<Batch<C>> {
        let mut state = self.lane.0.lock();
        let calls = state.take_locked(&self.lane.0.options);
        if calls.is_empty() {
            state.retries = false;
            self.is_counted = false;
            return None;
        }
        drop(state);
        Some(self.lane.batch(calls))
    }
}

impl<C: Calls, R> Drop for Retries<C, R> {
    fn drop(&mut self) {
        if self.is_counted {
            self.lane.abandon(|state| state.retries = false);
        }
    }
}

/// The outcome of a call whose task was lost.
fn lost<C: Calls>() -> StoreError {
    const WHY: &str = "the task that made this call ended without an outcome";
    if C::WRITES { StoreError::outcome_unknown(WHY) } else { StoreError::unavailable(WHY) }
}
