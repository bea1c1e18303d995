//! Entries: small records of the application's own, kept beside the orders and changed together with them.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{ClientId, OrderId, PageLimit, Timestamp};

/// What an entry is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EntryKind {
    /// A client that was deleted, or is being deleted. The name is its id.
    Retirement,
    /// The answer that an idempotency key stands for.
    Answer,
    /// The id of the store itself ([`StoreId`](crate::StoreId)).
    Store,
    /// The store of clients that belongs to this store of orders.
    Partner,
    /// How far a reader of the feed has come.
    Checkpoint,
    /// A secret that all processes share, such as the key of cursors.
    Secret,
}

impl EntryKind {
    const ALL: [Self; 6] = [Self::Retirement, Self::Answer, Self::Store, Self::Partner, Self::Checkpoint, Self::Secret];

    /// The text that stores keep.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Retirement => "retirement",
            Self::Answer => "answer",
            Self::Store => "store",
            Self::Partner => "partner",
            Self::Checkpoint => "checkpoint",
            Self::Secret => "secret",
        }
    }

    /// The kind with this text.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }
}

/// The key of an entry. A store has at most one entry with a key.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct EntryKey {
    /// What it is about.
    pub kind: EntryKind,
    /// Which one of its kind: at most 100 bytes, compared byte by byte. No personal data.
    pub name: String,
}

impl EntryKey {
    /// The key of this kind and name.
    #[must_use]
    pub fn new(kind: EntryKind, name: impl Into<String>) -> Self {
        Self { kind, name: name.into() }
    }

    /// The key under which a store of orders has the id of its store of clients.
    #[must_use]
    pub fn partner() -> Self {
        Self::new(EntryKind::Partner, "clients")
    }

    /// The key of a client's retirement.
    #[must_use]
    pub fn retirement(client: ClientId) -> Self {
        Self::new(EntryKind::Retirement, client.to_string())
    }
}

/// A small record of the application's own.
///
/// `Debug` leaves the value out: that of an answer may hold the reason of a return.
#[derive(bon::Builder, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Entry {
    /// Its key.
    pub key: EntryKey,
    /// A text of at most 16 KiB.
    pub value: String,
    /// Since when it is due to be looked at: an [`EntryQuery::Due`] finds it from then on. Whole microseconds.
    pub due_at: Option<Timestamp>,
    /// The order of the write that put it there. The store sets it.
    pub order_id: Option<OrderId>,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry").field("key", &self.key).field("due_at", &self.due_at).finish_non_exhaustive()
    }
}

/// A change of an entry, part of an [`OrderWrite`](crate::OrderWrite). It is made only if the value is `before`.
///
/// `Debug` leaves the values out.
#[derive(Clone, PartialEq, Eq)]
pub struct EntryWrite {
    /// The key.
    pub key: EntryKey,
    /// The value as it was read; `None` if there was no entry.
    pub before: Option<String>,
    /// The new value and since when it is due; `None` to remove the entry.
    pub after: Option<(String, Option<Timestamp>)>,
}

impl fmt::Debug for EntryWrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EntryWrite").field("key", &self.key).finish_non_exhaustive()
    }
}

impl EntryWrite {
    /// The entry that the write leaves, `None` if it removes the entry. `order_id` is the order that the write concerns.
    #[must_use]
    pub fn entry(&self, order_id: Option<OrderId>) -> Option<Entry> {
        let (value, due_at) = self.after.clone()?;
        Some(Entry { key: self.key.clone(), value, due_at, order_id })
    }

    /// Puts an entry where there was none.
    #[must_use]
    pub fn insert(key: EntryKey, value: String, due_at: Option<Timestamp>) -> Self {
        Self { key, before: None, after: Some((value, due_at)) }
    }

    /// Puts another value in the place of `before`.
    #[must_use]
    pub fn replace(before: Entry, value: String, due_at: Option<Timestamp>) -> Self {
        Self { key: before.key, before: Some(before.value), after: Some((value, due_at)) }
    }

    /// Removes the entry.
    #[must_use]
    pub fn remove(before: Entry) -> Self {
        Self { key: before.key, before: Some(before.value), after: None }
    }
}

/// What has to hold for an [`OrderWrite`](crate::OrderWrite) to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryCondition {
    /// There is an entry with this key.
    Exists(EntryKey),
    /// There is none.
    Missing(EntryKey),
}

impl EntryCondition {
    /// The key.
    #[must_use]
    pub const fn key(&self) -> &EntryKey {
        match self {
            Self::Exists(key) | Self::Missing(key) => key,
        }
    }

    /// Whether it holds if the entry exists, or if not.
    #[must_use]
    pub const fn holds(&self, exists: bool) -> bool {
        matches!(self, Self::Exists(_)) == exists
    }
}

/// Which entries of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EntryQuery {
    /// Those with these keys, any number of them, in no particular order.
    Keys(Vec<EntryKey>),
    /// At most `limit` of a kind that are due at `at`, by [`Entry::due_at`] and name.
    Due {
        /// The kind.
        kind: EntryKind,
        /// They are due since then, or longer.
        at: Timestamp,
        /// The last one that was read, as its `due_at` and name: those after it.
        after: Option<(Timestamp, String)>,
        /// The most entries.
        limit: PageLimit,
    },
}

impl EntryQuery {
    /// What the query finds among all entries of a store: the definition of what a store answers, and a way to do it.
    #[must_use]
    pub fn select(&self, all: impl IntoIterator<Item = Entry>) -> Vec<Entry> {
        let place = |entry: &Entry| entry.due_at.map(|due_at| (due_at, entry.key.name.clone()));
        let is_found = |entry: &Entry| match self {
            Self::Keys(keys) => keys.contains(&entry.key),
            Self::Due { kind, at, after, .. } => {
                entry.key.kind == *kind && entry.due_at.is_some_and(|due_at| due_at <= *at) && place(entry) > *after
            }
        };
        let mut found: Vec<_> = all.into_iter().filter(is_found).collect();
        if let Self::Due { limit, .. } = self {
            found.sort_by_key(place);
            found.truncate(limit.get());
        }
        found
    }
}
