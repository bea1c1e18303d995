//! Readers of the feed that continue where they stopped.

use std::time::Duration;

use provesi_core::{
    Caller, Clock, Entry, EntryKey, EntryKind, EntryWrite, EventId, OrderEvent, OrderRepository, OrderRepositoryExt,
    PageLimit, Stamp, StoreError, SystemClock,
};

/// How often the feed is read while it has nothing new.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

const MAX_NAME: usize = 100;

/// A reader of the feed of all orders that keeps its checkpoint in the store of orders, under a name. It gets each event at least
/// once and in order, whenever its process ends and starts again: events that were not [acknowledged](Self::acknowledge) come
/// again.
///
/// ```
/// # use provesi_core::{EventId, OrderRepository, StoreError};
/// # use provesi_runtime::Follower;
/// # async fn send(_: &provesi_core::OrderEvent) -> Result<(), StoreError> { Ok(()) }
/// # async fn example(store: impl OrderRepository) -> Result<(), StoreError> {
/// let mut follower = Follower::new(store, "carrier");
/// loop {
///     let events = follower.next().await?;
///     for event in &events {
///         send(event).await?;
///     }
///     follower.acknowledge(&events).await?;
/// }
/// # }
/// ```
///
/// One process at a time follows under a name. If two do, each event reaches at least one of them, and the one that is behind is
/// told so when it acknowledges.
#[derive(Debug)]
pub struct Follower<R> {
    store: R,
    key: EntryKey,
    limit: PageLimit,
    checkpoint: Checkpoint,
}

/// The checkpoint as far as it is known.
#[derive(Debug)]
enum Checkpoint {
    Unknown,
    Stored(Option<Entry>),
}

impl<R: OrderRepository> Follower<R> {
    /// The reader with this name, of 1 to 100 bytes. A new one begins with the first event there is.
    pub fn new(store: R, name: &str) -> Self {
        Self {
            store,
            key: EntryKey::new(EntryKind::Checkpoint, name),
            limit: PageLimit::MAX,
            checkpoint: Checkpoint::Unknown,
        }
    }

    /// This reader with at most `limit` events at a time; 1,000 by default.
    #[must_use]
    pub fn with_limit(mut self, limit: PageLimit) -> Self {
        self.limit = limit;
        self
    }

    /// The events after the last one that was acknowledged, at least one: waits until there is one. Can be dropped and called
    /// again at any time.
    ///
    /// # Errors
    /// Those of the store; the next call tries again.
    pub async fn next(&mut self) -> Result<Vec<OrderEvent>, StoreError> {
        loop {
            let after = self.position().await?;
            let events = self.store.feed(after, self.limit).await?;
            if !events.is_empty() {
                return Ok(events);
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Moves the checkpoint behind the last of these events, which [`next`](Self::next) returned: they do not come again.
    ///
    /// # Errors
    /// - [`StoreError::EntryConflict`] if another process moved the checkpoint. The next call of [`next`](Self::next) continues
    ///   behind that.
    /// - Those of the store. Unless the checkpoint was moved all the same, the events come again.
    pub async fn acknowledge(&mut self, events: &[OrderEvent]) -> Result<(), StoreError> {
        let Some(last) = events.last().map(|event| event.id) else { return Ok(()) };
        let before = match &self.checkpoint {
            Checkpoint::Stored(before) => before.clone(),
            Checkpoint::Unknown => self.load().await?,
        };
        let value = last.get().to_string();
        let write = match before {
            Some(before) => EntryWrite::replace(before, value, None),
            None => EntryWrite::insert(self.key.clone(), value, None),
        };
        let after = write.entry(None);
        // Whatever becomes of the write, also if this future is dropped, what was known may be outdated.
        self.checkpoint = Checkpoint::Unknown;
        self.store.commit_entry(write, &Stamp::new(SystemClock.now(), &Caller::default())).await?;
        self.checkpoint = Checkpoint::Stored(after);
        Ok(())
    }

    /// The last event that was acknowledged.
    async fn position(&mut self) -> Result<Option<EventId>, StoreError> {
        let entry = match &self.checkpoint {
            Checkpoint::Stored(entry) => entry.clone(),
            Checkpoint::Unknown => self.load().await?,
        };
        let position = entry.as_ref().map(|entry| entry.value.parse().map(EventId::new)).transpose();
        self.checkpoint = Checkpoint::Stored(entry);
        position.map_err(StoreError::corrupt)
    }

    async fn load(&self) -> Result<Option<Entry>, StoreError> {
        if self.key.name.is_empty() || self.key.name.len() > MAX_NAME {
            return Err(StoreError::backend("the name of a follower has 1 to 100 bytes"));
        }
        self.store.entry(self.key.clone()).await
    }
}
