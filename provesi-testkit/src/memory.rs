//! The reference store: obviously right rather than fast.

mod audit;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use provesi_core::{
    ClientCursor, ClientFilter, ClientId, ClientKey, ClientListing, ClientRepository, ClientRow, ClientWrite, Email,
    Entry, EntryKey, EntryQuery, EventId, EventKind, EventQuery, EventsOf, OrderAction, OrderCount, OrderCounts,
    OrderCursor, OrderEvent, OrderId, OrderKey, OrderListing, OrderNumber, OrderRepository, OrderRow, OrderWithClient,
    OrderWrite, OrdersWithClients, Page, PageRequest, Stamp, StoreError, StoredAudit, UniqueField,
};

/// Clients, orders, history and audit in memory, behind one lock. A clone is another handle on the same records.
///
/// Every page filters and orders all records with the rules that `provesi-core` states, so what it answers is right by
/// its looks. Fit for tests and demonstrations.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
}

/// Clients and orders are put and removed by the four methods for that alone, which keep the two indexes.
#[derive(Debug, Default)]
struct State {
    clients: BTreeMap<ClientId, ClientRow>,
    by_email: HashMap<String, ClientId>,
    orders: BTreeMap<OrderId, OrderRow>,
    by_number: HashMap<String, OrderId>,
    events: Vec<OrderEvent>,
    last_order_id: i64,
    entries: BTreeMap<EntryKey, Entry>,
    audit: Vec<StoredAudit>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a client there as another program might have written it: nothing is checked.
    pub fn plant_client(&self, client: ClientRow) {
        self.lock().put_client(client);
    }

    /// Puts an order there as another program might have written it: nothing is checked, and there is no event.
    pub fn plant_order(&self, order: OrderRow) {
        self.lock().put_order(order);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A test that panicked while it held the lock left a whole state: no method leaves half a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn push_event(&mut self, order_id: OrderId, number: &str, stamp: &Stamp, kind: EventKind) {
        let id = EventId::new(i64::try_from(self.events.len()).unwrap_or(i64::MAX) + 1);
        self.events.push(OrderEvent::new(id, order_id, number, stamp, kind));
    }

    fn put_client(&mut self, client: ClientRow) {
        self.remove_client(client.id);
        self.by_email.insert(client.folded_email(), client.id);
        self.clients.insert(client.id, client);
    }

    fn remove_client(&mut self, id: ClientId) {
        if let Some(client) = self.clients.remove(&id) {
            self.by_email.remove(&client.folded_email());
        }
    }

    fn put_order(&mut self, order: OrderRow) {
        self.remove_order(order.id);
        self.last_order_id = self.last_order_id.max(order.id.get());
        self.by_number.insert(order.number.to_ascii_lowercase(), order.id);
        self.orders.insert(order.id, order);
    }

    fn remove_order(&mut self, id: OrderId) {
        if let Some(order) = self.orders.remove(&id) {
            self.by_number.remove(&order.number.to_ascii_lowercase());
        }
    }

    fn client_with(&self, email: &Email) -> Option<&ClientRow> {
        self.clients.get(self.by_email.get(&email.folded())?)
    }

    fn order_by(&self, key: &OrderKey) -> Option<&OrderRow> {
        match key {
            OrderKey::Id(id) => self.orders.get(id),
            OrderKey::Number(number) => self.order_with(number),
        }
    }

    fn order_with(&self, number: &OrderNumber) -> Option<&OrderRow> {
        self.orders.get(self.by_number.get(&number.folded())?)
    }

    /// The order that has the number, else the one whose event under it, or away from it, is the latest.
    fn last_owner(&self, number: &OrderNumber) -> Option<OrderId> {
        let last = || self.events.iter().rev().find(|event| had_number(event, number)).map(|event| event.order_id);
        self.order_with(number).map(|order| order.id).or_else(last)
    }

    fn commit_client(&mut self, write: &ClientWrite) -> Result<(), StoreError> {
        let as_read = |before: &ClientRow| {
            let stored = self.clients.get(&before.id).filter(|client| *client == before);
            stored.map(drop).ok_or(StoreError::VersionConflict)
        };
        match write {
            ClientWrite::Insert(client) if self.clients.contains_key(&client.id) => {
                return Err(StoreError::AlreadyExists { field: UniqueField::ClientId });
            }
            ClientWrite::Insert(_) => {}
            ClientWrite::Replace { before, .. } => as_read(before)?,
            ClientWrite::Delete { before } => {
                as_read(before)?;
                self.remove_client(before.id);
                return Ok(());
            }
        }
        let (ClientWrite::Insert(after) | ClientWrite::Replace { after, .. }) = write else { return Ok(()) };
        if self.client_with(&after.email).is_some_and(|client| client.id != after.id) {
            return Err(StoreError::AlreadyExists { field: UniqueField::Email });
        }
        self.put_client(ClientRow::from(after));
        Ok(())
    }

    fn put_entries(&mut self, order_id: Option<OrderId>, write: &OrderWrite) {
        for write in write.entries() {
            match write.entry(order_id) {
                None => self.entries.remove(&write.key),
                Some(entry) => self.entries.insert(entry.key.clone(), entry),
            };
        }
    }

    fn commit_order(&mut self, write: &OrderWrite) -> Result<Option<OrderId>, StoreError> {
        write.check_entries(|key| self.entries.get(key).map(|entry| entry.value.as_str()))?;
        let as_read = |before: &OrderRow| {
            let stored = self.orders.get(&before.id).filter(|order| *order == before);
            stored.map(|order| order.id).ok_or(StoreError::VersionConflict)
        };
        let id = match write.action() {
            OrderAction::Insert(_) => OrderId::new(self.last_order_id + 1),
            OrderAction::Replace { before, .. } | OrderAction::Delete { before } => as_read(before)?,
            OrderAction::Restore(order) if self.orders.contains_key(&order.id) => {
                return Err(StoreError::VersionConflict);
            }
            OrderAction::Restore(order) => order.id,
            OrderAction::Keep { id, .. } => *id,
            OrderAction::None => {
                self.put_entries(None, write);
                return Ok(None);
            }
        };
        if let Some(after) = write.after(id) {
            if self.by_number.get(&after.number.to_ascii_lowercase()).is_some_and(|other| *other != id) {
                return Err(StoreError::AlreadyExists { field: UniqueField::OrderNumber });
            }
            self.put_order(after);
        } else if let OrderAction::Delete { .. } = write.action() {
            self.remove_order(id);
        }
        for kind in write.events() {
            self.push_event(id, write.number(), write.stamp(), kind.clone());
        }
        for event in self.events.iter_mut().filter(|event| event.order_id == id) {
            if let Some((_, kind)) = write.rewritten().iter().find(|(rewritten, _)| *rewritten == event.id) {
                event.kind = kind.clone();
            }
        }
        self.put_entries(Some(id), write);
        Ok(Some(id))
    }
}

#[async_trait]
impl ClientRepository for MemoryStore {
    fn database(&self) -> String {
        "memory".to_owned()
    }

    async fn get_many(&self, keys: &[ClientKey]) -> Vec<Result<Option<ClientRow>, StoreError>> {
        let state = self.lock();
        let find = |key: &ClientKey| match key {
            ClientKey::Id(id) => state.clients.get(id),
            ClientKey::Email(email) => state.client_with(email),
        };
        keys.iter().map(|key| Ok(find(key).cloned())).collect()
    }

    async fn commit(&self, writes: &[ClientWrite]) -> Vec<Result<(), StoreError>> {
        let mut state = self.lock();
        writes.iter().map(|write| state.commit_client(write)).collect()
    }

    async fn page(
        &self,
        listing: &ClientListing,
        request: &PageRequest<ClientCursor>,
    ) -> Result<Page<ClientRow, ClientCursor>, StoreError> {
        listing.page_of(self.lock().clients.values().cloned(), request)
    }

    async fn count(&self, filter: &ClientFilter) -> Result<u64, StoreError> {
        Ok(self.lock().clients.values().filter(|client| filter.matches(client)).count() as u64)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl OrdersWithClients for MemoryStore {
    async fn get_with_clients(&self, keys: &[OrderKey]) -> Vec<Result<Option<OrderWithClient>, StoreError>> {
        let state = self.lock();
        let find = |key: &OrderKey| {
            let order = state.order_by(key)?.clone();
            let client = order.client_id().ok().flatten().and_then(|id| state.clients.get(&id)).cloned();
            Some(OrderWithClient { order, client: Ok(client) })
        };
        keys.iter().map(|key| Ok(find(key))).collect()
    }
}

#[async_trait]
impl OrderRepository for MemoryStore {
    fn database(&self) -> String {
        "memory".to_owned()
    }

    async fn get_many(&self, keys: &[OrderKey]) -> Vec<Result<Option<OrderRow>, StoreError>> {
        let state = self.lock();
        keys.iter().map(|key| Ok(state.order_by(key).cloned())).collect()
    }

    async fn commit(&self, writes: &[OrderWrite]) -> Vec<Result<Option<OrderId>, StoreError>> {
        let mut state = self.lock();
        writes.iter().map(|write| state.commit_order(write)).collect()
    }

    async fn page(
        &self,
        listing: &OrderListing,
        request: &PageRequest<OrderCursor>,
    ) -> Result<Page<OrderRow, OrderCursor>, StoreError> {
        listing.page_of(self.lock().orders.values().cloned(), request)
    }

    async fn count(&self, query: &OrderCount) -> Result<OrderCounts, StoreError> {
        let state = self.lock();
        Ok(query.of(state.orders.values(), &state.events))
    }

    async fn client_ids(&self, request: &PageRequest<ClientId>) -> Result<Page<ClientId, ClientId>, StoreError> {
        let state = self.lock();
        let ids = state.orders.values().filter_map(|order| order.client_id().ok().flatten());
        let ids: BTreeSet<_> = ids.filter(|id| Some(*id) > request.after).collect();
        Ok(Page::from_one_more(ids.into_iter().collect(), request.limit, |last| *last))
    }

    async fn events(&self, query: &EventQuery) -> Result<Vec<OrderEvent>, StoreError> {
        let state = self.lock();
        let id = match &query.of {
            EventsOf::All => None,
            EventsOf::Number(number) => match state.last_owner(number) {
                None => return Ok(Vec::new()),
                owner => owner,
            },
        };
        let of_order = state.events.iter().filter(|event| id.is_none_or(|id| event.order_id == id));
        Ok(of_order.filter(|event| Some(event.id) > query.after).take(query.limit.get()).cloned().collect())
    }

    async fn entries(&self, query: &EntryQuery) -> Result<Vec<Entry>, StoreError> {
        Ok(query.select(self.lock().entries.values().cloned()))
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

fn had_number(event: &OrderEvent, number: &OrderNumber) -> bool {
    let is_it = |other: &str| other.eq_ignore_ascii_case(number.as_str());
    is_it(&event.number) || event.kind.number_before().is_some_and(is_it)
}
