use std::cmp::Reverse;
use std::collections::binary_heap::PeekMut;
use std::collections::{BinaryHeap, HashSet};
use std::sync::{Mutex, PoisonError};

use super::{MessageId, ReplayGuard, ReplayRefusal};
use crate::clock::Timestamp;

/// A replay guard in the memory of one process, for as many messages as it was given room for.
///
/// It takes about 200 bytes for each message that it remembers, which is for 330 seconds at most: a service that gets 100
/// messages a second needs room for 33,000. It is empty after a restart, so what was accepted shortly before may be accepted
/// again.
#[derive(Debug)]
pub struct MemoryReplayGuard {
    capacity: usize,
    seen: Mutex<Seen>,
}

#[derive(Debug)]
struct Seen {
    messages: HashSet<MessageId>,
    /// The same messages, the first to forget on top.
    by_end: BinaryHeap<Reverse<(Timestamp, MessageId)>>,
    /// What could be accepted until then is forgotten.
    forgotten: Option<Timestamp>,
}

impl MemoryReplayGuard {
    /// An empty guard with room for so many messages. Memory is taken as it is needed.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        let seen = Seen { messages: HashSet::new(), by_end: BinaryHeap::new(), forgotten: None };
        Self { capacity, seen: Mutex::new(seen) }
    }
}

impl ReplayGuard for MemoryReplayGuard {
    fn enter(&self, message: &MessageId, until: Timestamp, now: Timestamp) -> Result<(), ReplayRefusal> {
        // No step in here can panic half-way, so a poisoned lock guards what is still sound.
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.forget_before(now);
        // A clock that was set back makes messages acceptable that nobody remembers.
        let is_forgotten = seen.forgotten.is_some_and(|forgotten| until <= forgotten);
        if is_forgotten || seen.messages.contains(message) {
            return Err(ReplayRefusal::Seen);
        }
        if seen.messages.len() >= self.capacity {
            return Err(ReplayRefusal::Full);
        }
        seen.messages.insert(message.clone());
        seen.by_end.push(Reverse((until, message.clone())));
        Ok(())
    }
}

impl Seen {
    fn forget_before(&mut self, now: Timestamp) {
        while let Some(first) = self.by_end.peek_mut().filter(|first| first.0.0 < now) {
            let Reverse((until, message)) = PeekMut::pop(first);
            self.messages.remove(&message);
            self.forgotten = self.forgotten.max(Some(until));
        }
    }
}

#[cfg(test)]
mod tests;
