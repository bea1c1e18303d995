//! Concurrent reads. Those that ask the same share one call of the store.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::future::{Either, join_all, select};
use provesi_core::StoreError;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};
use tracing::Instrument;

use super::lane::SLOW;

/// Reads with an answer `A`, by what they ask. Each is a task, so that a caller that is not polled holds up no other.
pub(super) struct Coalesced<Q, A>(Arc<Mutex<Reads<Q, A>>>);

type Reads<Q, A> = HashMap<Arc<Q>, Same<A>>;

/// The reads that ask the same.
struct Same<A> {
    /// Held by the one that is under way.
    turn: Arc<tokio::sync::Mutex<()>>,
    /// When the last one started.
    started: Option<Instant>,
    /// The callers of the one that has not started.
    waiting: Vec<oneshot::Sender<A>>,
    /// How many tasks there are; with the last one, this goes.
    tasks: usize,
}

impl<Q: Eq + Hash + Send + Sync + 'static, A: Clone + Send + 'static> Coalesced<Q, A> {
    /// The answer of `read`, or of one that asks the same and has not started.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the task is lost: the store panicked, or the runtime ended.
    pub(super) async fn read<F>(
        &self,
        question: Q,
        read: impl FnOnce(Arc<Q>) -> F + Send + 'static,
    ) -> Result<A, StoreError>
    where
        F: Future<Output = A> + Send + 'static,
    {
        let answer = self.join(Arc::new(question), read);
        answer.await.map_err(|_| StoreError::unavailable("the task that made this read ended without an answer"))
    }

    fn join<F>(&self, question: Arc<Q>, read: impl FnOnce(Arc<Q>) -> F + Send + 'static) -> oneshot::Receiver<A>
    where
        F: Future<Output = A> + Send + 'static,
    {
        let (caller, answer) = oneshot::channel();
        let mut reads = self.lock();
        let same = reads.entry(Arc::clone(&question)).or_default();
        same.waiting.push(caller);
        if same.waiting.len() == 1 {
            same.tasks += 1;
            let task = Task { reads: self.clone(), question, has_started: false };
            // A slow read must not delay those behind it.
            let until = same.started.map_or_else(Instant::now, |started| started + SLOW);
            let turn = Arc::clone(&same.turn);
            drop(reads);
            tokio::spawn(task.run(turn, until, read).in_current_span());
        }
        answer
    }
}

impl<Q, A> Coalesced<Q, A> {
    fn lock(&self) -> MutexGuard<'_, Reads<Q, A>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Task<Q: Eq + Hash, A> {
    reads: Coalesced<Q, A>,
    question: Arc<Q>,
    has_started: bool,
}

impl<Q: Eq + Hash, A: Clone> Task<Q, A> {
    async fn run<F: Future<Output = A>>(
        mut self,
        turn: Arc<tokio::sync::Mutex<()>>,
        until: Instant,
        read: impl FnOnce(Arc<Q>) -> F,
    ) {
        let _turn = timeout_at(until, turn.lock()).await;
        let mut callers = self.start();
        callers.retain(|caller| !caller.is_closed());
        if callers.is_empty() {
            return;
        }
        let all_gone = join_all(callers.iter_mut().map(oneshot::Sender::closed));
        let answered = match select(Box::pin(read(Arc::clone(&self.question))), all_gone).await {
            Either::Left((answer, _)) => Some(answer),
            Either::Right(_) => None,
        };
        let (Some(answer), Some(last)) = (answered, callers.pop()) else { return };
        for caller in callers {
            let _ = caller.send(answer.clone());
        }
        let _ = last.send(answer);
    }

    /// Takes the callers. Later ones do not join this read.
    fn start(&mut self) -> Vec<oneshot::Sender<A>> {
        self.has_started = true;
        let mut reads = self.reads.lock();
        let Some(same) = reads.get_mut(&self.question) else { return Vec::new() };
        same.started = Some(Instant::now());
        std::mem::take(&mut same.waiting)
    }
}

impl<Q: Eq + Hash, A> Drop for Task<Q, A> {
    fn drop(&mut self) {
        let mut reads = self.reads.lock();
        let Some(same) = reads.get_mut(&self.question) else { return };
        if !self.has_started {
            same.waiting.clear();
        }
        same.tasks -= 1;
        if same.tasks == 0 {
            reads.remove(&self.question);
        }
    }
}

impl<Q, A> Default for Coalesced<Q, A> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<Q, A> Clone for Coalesced<Q, A> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<A> Default for Same<A> {
    fn default() -> Self {
        Self { turn: Arc::default(), started: None, waiting: Vec::new(), tasks: 0 }
    }
}

#[cfg(test)]
mod tests {
    use std::future;
    use std::time::Duration;

    use tokio::time::{sleep, timeout};

    use super::*;

    /// Until every task has done what it can.
    async fn settle() {
        sleep(Duration::from_nanos(1)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_of_a_read_is_left_however_it_ends() {
        let reads = Coalesced::<u8, u8>::default();
        let rest = |reads: &Coalesced<u8, u8>| reads.lock().len();
        let short = Duration::from_millis(1);
        assert_eq!(reads.read(1, async |_| 7).await.unwrap(), 7);
        settle().await;
        assert_eq!(rest(&reads), 0);
        // The caller of one is gone before it starts, and that of another while it is under way.
        let same = reads.clone();
        let hangs = tokio::spawn(async move { same.read(1, async |_| future::pending().await).await });
        settle().await;
        assert!(timeout(short, reads.read(1, async |_| 8)).await.is_err());
        hangs.abort();
        settle().await;
        assert_eq!(rest(&reads), 0);
        // The store panics.
        let [first, second] = [(); 2].map(|()| reads.read(1, async |_| -> u8 { panic!("a fault") }));
        let (first, second) = tokio::join!(first, second);
        assert!(matches!((first, second), (Err(StoreError::Unavailable { .. }), Err(StoreError::Unavailable { .. }))));
        settle().await;
        assert_eq!(rest(&reads), 0);
        assert_eq!(reads.read(1, async |_| 9).await.unwrap(), 9);
    }

    #[test]
    fn the_end_of_a_runtime_ends_its_reads() {
        let reads = Coalesced::<u8, u8>::default();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let lost = {
            let _entered = runtime.enter();
            reads.join(Arc::new(1), async |_| future::pending().await)
        };
        drop(runtime);
        assert!(lost.blocking_recv().is_err());
        assert!(reads.lock().is_empty());
    }
}
