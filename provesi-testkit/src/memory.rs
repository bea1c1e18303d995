//! The reference store: plain maps behind one lock, written to be read rather than to be fast.
//!
//! The rules themselves are not here: filters, sorts, versions and events are those of `provesi-core`.

mod clients;
mod orders;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use provesi_core::{
    AuditRecord, AuditSink, Client, ClientId, Direction, EventId, EventKind, Order, OrderEvent, OrderId, OrderNumber,
    PageLimit, Stamp, StoreError,
};

/// Clients, orders, events and records of access in memory.
///
/// Clones share what they hold. Everything is gone with the last clone, so it is for tests and trials; for these it
/// keeps to the whole contract of [`ClientRepository`](provesi_core::ClientRepository) and
/// [`OrderRepository`](provesi_core::OrderRepository). Pages are made by scanning all rows: fine for 100,000 of them.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    tables: Arc<Mutex<Tables>>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The records of access taken so far, in the order in which they came.
    #[must_use]
    pub fn audit_records(&self) -> Vec<AuditRecord> {
        self.tables().audit.clone()
    }

    /// Every change below is made in full before anything can panic, so the tables behind a poisoned lock are sound.
    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl AuditSink for MemoryStore {
    async fn record(&self, record: AuditRecord) -> Result<(), StoreError> {
        self.tables().audit.push(record);
        Ok(())
    }
}

#[derive(Debug, Default)]
struct Tables {
    clients: BTreeMap<ClientId, ClientRow>,
    /// Which client has a folded e-mail address.
    emails: BTreeMap<String, ClientId>,
    orders: BTreeMap<OrderId, Order>,
    /// Which order has a folded number.
    numbers: BTreeMap<String, OrderId>,
    /// How many orders there ever were: ids are counted up, so that none is given twice.
    orders_made: i64,
    /// Event `n` stands at place `n - 1`; nothing is ever taken out.
    events: Vec<OrderEvent>,
    audit: Vec<AuditRecord>,
}

/// A client with the sort key of its name, which takes too long to be made anew for every page.
#[derive(Debug)]
struct ClientRow {
    name_key: Vec<u8>,
    client: Client,
}

impl Tables {
    fn keep_event(&mut self, id: OrderId, number: &OrderNumber, stamp: &Stamp, kind: EventKind) {
        let event_id =
            EventId::new(i64::try_from(self.events.len()).expect("memory holds fewer events than i64::MAX") + 1);
        self.events.push(OrderEvent::new(event_id, id, number.clone(), stamp, kind));
    }

    /// The events after `after` that pass `keep`, oldest first.
    fn events_after(
        &self,
        after: Option<EventId>,
        limit: PageLimit,
        keep: impl Fn(&OrderEvent) -> bool,
    ) -> Vec<OrderEvent> {
        self.events
            .iter()
            .filter(|event| after.is_none_or(|after| event.id > after) && keep(event))
            .take(limit.get())
            .cloned()
            .collect()
    }
}

/// The rows of a page and the one that follows it, if one does: `rows` in the order of their keys seen from
/// `direction`, those up to `after` left out.
fn one_more_than_a_page<'r, K: Ord, T: Clone + 'r>(
    rows: impl Iterator<Item = (K, &'r T)>,
    after: Option<&K>,
    direction: Direction,
    limit: PageLimit,
) -> Vec<T> {
    let compare = |a: &K, b: &K| direction.apply(a.cmp(b));
    let mut rows: Vec<_> = rows.filter(|(key, _)| after.is_none_or(|after| compare(key, after).is_gt())).collect();
    // Without this, streaming a large table would sort all of it for every page.
    if rows.len() > limit.get() + 1 {
        rows.select_nth_unstable_by(limit.get(), |(a, _), (b, _)| compare(a, b));
        rows.truncate(limit.get() + 1);
    }
    rows.sort_by(|(a, _), (b, _)| compare(a, b));
    rows.into_iter().map(|(_, row)| row.clone()).collect()
}

fn count<'r, T: 'r>(rows: impl Iterator<Item = &'r T>, matches: impl Fn(&T) -> bool) -> u64 {
    rows.filter(|row| matches(row)).fold(0, |count, _| count + 1)
}
