//! Who waits, and what is under way.

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Duration;

use provesi_core::StoreError;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::BatchOptions;
use super::lane::Calls;

/// A call whose caller waits for the outcome.
pub(super) struct Waiting<C: Calls> {
    pub(super) call: C::Call,
    claims: Vec<C::Claim>,
    since: Instant,
    caller: oneshot::Sender<Result<C::Value, StoreError>>,
}

impl<C: Calls> Waiting<C> {
    pub(super) fn new(call: C::Call) -> (Self, oneshot::Receiver<Result<C::Value, StoreError>>) {
        let (caller, outcome) = oneshot::channel();
        (Self { claims: C::claims(&call), call, since: Instant::now(), caller }, outcome)
    }

    /// Ends the call. Its caller may be gone.
    pub(super) fn end(self, outcome: Result<C::Value, StoreError>) {
        let _ = self.caller.send(outcome);
    }
}

pub(super) struct State<C: Calls> {
    waiting: VecDeque<Waiting<C>>,
    /// The tasks that make batches, and when the batch of each started.
    pub(super) running: HashMap<u64, Instant>,
    pub(super) last_task: u64,
    /// What the calls that are under way or locked claim.
    claimed: HashSet<C::Claim>,
    /// The calls that another transaction holds up.
    locked: Vec<Waiting<C>>,
    /// A task tries them again.
    pub(super) retries: bool,
    /// A call goes past the batches.
    pub(super) passes: bool,
}

impl<C: Calls> Default for State<C> {
    fn default() -> Self {
        Self {
            waiting: VecDeque::new(),
            running: HashMap::new(),
            last_task: 0,
            claimed: HashSet::new(),
            locked: Vec::new(),
            retries: false,
            passes: false,
        }
    }
}

impl<C: Calls> State<C> {
    pub(super) fn is_idle(&self) -> bool {
        self.running.is_empty() && !self.passes && self.waiting.is_empty()
    }

    pub(super) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Whether a call with these claims has to wait for one that is under way or locked.
    pub(super) fn blocks(&self, call: &Waiting<C>) -> bool {
        call.claims.iter().any(|claim| self.claimed.contains(claim))
    }

    /// Queues a call, or returns it if there is no room.
    pub(super) fn push(&mut self, call: Waiting<C>, options: &BatchOptions) -> Result<(), Waiting<C>> {
        let max_waiting = options.max_waiting.max(1);
        if self.waiting.len() >= max_waiting {
            self.waiting.retain(|call| !call.caller.is_closed());
        }
        if self.waiting.len() >= max_waiting {
            return Err(call);
        }
        self.waiting.push_back(call);
        Ok(())
    }

    /// Takes the calls that have waited that long.
    pub(super) fn take_waiting_for(&mut self, time: Duration) -> Vec<Waiting<C>> {
        let count = self.waiting.iter().take_while(|call| call.since.elapsed() >= time).count();
        self.waiting.drain(..count).collect()
    }

    /// Takes all calls that are not under way, which nobody makes any more.
    pub(super) fn give_up(&mut self) -> Vec<Waiting<C>> {
        let locked = std::mem::take(&mut self.locked);
        locked.iter().for_each(|call| self.release(call));
        locked.into_iter().chain(std::mem::take(&mut self.waiting)).collect()
    }

    /// The next batch: the calls that have waited longest and that nothing before them is in the way of. Drops those whose
    /// callers are gone, and ends those that waited too long.
    pub(super) fn take(&mut self, options: &BatchOptions) -> Vec<Waiting<C>> {
        let (mut batch, mut later, mut blocked) = (Vec::new(), VecDeque::new(), HashSet::new());
        while batch.len() < options.max_batch.max(1)
            && let Some(call) = self.waiting.pop_front()
        {
            if call.caller.is_closed() {
                continue;
            }
            if call.since.elapsed() > options.max_wait {
                call.end(Err(StoreError::unavailable("the call waited too long for its turn")));
                continue;
            }
            let is_free = |claim| !self.claimed.contains(claim) && !blocked.contains(claim);
            if call.claims.iter().all(is_free) {
                self.claimed.extend(call.claims.iter().cloned());
                batch.push(call);
            } else {
                blocked.extend(call.claims.iter().cloned());
                later.push_back(call);
            }
        }
        later.append(&mut self.waiting);
        self.waiting = later;
        batch
    }

    /// Keeps a call that another transaction holds up for the next retry, with its claims. Returns it if it has to end.
    pub(super) fn keep_locked(&mut self, call: Waiting<C>, options: &BatchOptions) -> Option<Waiting<C>> {
        if call.caller.is_closed() || call.since.elapsed() > options.max_wait_for_lock {
            return Some(call);
        }
        self.locked.push(call);
        None
    }

    /// The calls to try again. Drops those whose callers are gone.
    pub(super) fn take_locked(&mut self, options: &BatchOptions) -> Vec<Waiting<C>> {
        let (gone, mut kept): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.locked).into_iter().partition(|call| call.caller.is_closed());
        gone.iter().for_each(|call| self.release(call));
        self.locked = kept.split_off(kept.len().min(options.max_batch.max(1)));
        kept
    }

    pub(super) fn has_locked(&self) -> bool {
        !self.locked.is_empty()
    }

    pub(super) fn release(&mut self, call: &Waiting<C>) {
        for claim in &call.claims {
            self.claimed.remove(claim);
        }
    }
}
