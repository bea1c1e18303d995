//! Reads that several callers ask for at the same moment. Those who ask the same share one answer.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use tokio::time::timeout;

use super::lane::SLOW;

/// Reads with an answer `A`, by what they ask.
///
/// A read is made by those of its callers who are polled, and ends when all of them are gone.
pub(super) struct Coalesced<Q, A>(Arc<Mutex<HashMap<Arc<Q>, Same<A>>>>);

/// The reads that ask the same.
struct Same<A> {
    /// Held by the one that is under way.
    turn: Arc<tokio::sync::Mutex<()>>,
    /// The one that has not started, which further callers join.
    next: Option<WeakShared<BoxFuture<'static, A>>>,
    /// The number of `next`, or of the last one.
    last: u64,
    /// How many there are.
    count: usize,
}

impl<Q: Eq + Hash + Send + Sync + 'static, A: Clone + Send + Sync + 'static> Coalesced<Q, A> {
    /// The answer of `read`, or of one that asks the same and has not started.
    pub(super) async fn read<F>(&self, question: Q, read: impl FnOnce(Arc<Q>) -> F + Send + 'static) -> A
    where
        F: Future<Output = A> + Send,
    {
        self.join(Arc::new(question), read).await
    }

    fn join<F>(
        &self,
        question: Arc<Q>,
        read: impl FnOnce(Arc<Q>) -> F + Send + 'static,
    ) -> Shared<BoxFuture<'static, A>>
    where
        F: Future<Output = A> + Send,
    {
        let mut all = lock(&self.0);
        let same = all.entry(Arc::clone(&question)).or_default();
        if let Some(next) = same.next.as_ref().and_then(WeakShared::upgrade) {
            return next;
        }
        same.last += 1;
        same.count += 1;
        let (turn, number) = (Arc::clone(&same.turn), same.last);
        let place = Place { reads: self.clone(), question, number };
        let next = async move {
            // A slow one delays the others no longer.
            let _turn = timeout(SLOW, turn.lock()).await;
            place.close(&mut lock(&place.reads.0));
            read(Arc::clone(&place.question)).await
        };
        let next = next.boxed().shared();
        same.next = next.downgrade();
        next
    }
}

/// A read among those that ask the same.
struct Place<Q: Eq + Hash, A> {
    reads: Coalesced<Q, A>,
    question: Arc<Q>,
    number: u64,
}

impl<Q: Eq + Hash, A> Place<Q, A> {
    /// Lets nobody join any more.
    fn close(&self, all: &mut HashMap<Arc<Q>, Same<A>>) {
        if let Some(same) = all.get_mut(&self.question)
            && same.last == self.number
        {
            same.next = None;
        }
    }
}

impl<Q: Eq + Hash, A> Drop for Place<Q, A> {
    fn drop(&mut self) {
        let mut all = lock(&self.reads.0);
        self.close(&mut all);
        let is_last = all.get_mut(&self.question).is_some_and(|same| {
            same.count -= 1;
            same.count == 0
        });
        if is_last {
            all.remove(&self.question);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
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
        Self { turn: Arc::default(), next: None, last: 0, count: 0 }
    }
}
