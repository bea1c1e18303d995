//! The reference store: obviously right rather than fast.

mod audit;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use provesi_core::{
    BoxStream, Client, ClientCursor, ClientFilter, ClientId, ClientListing, ClientRepository, Email, EventId,
    EventKind, Expected, NewOrder, Order, OrderCursor, OrderEvent, OrderFilter, OrderId, OrderListing, OrderNumber,
    OrderRepository, Page, PageLimit, PageRequest, Stamp, StoreError, StoredAudit, Timestamp, UniqueField,
    stream_items,
};

/// Clients, orders, history and audit in memory, behind one lock. A clone is another handle on the same records.
///
/// Every page filters and sorts all records with the rules that `provesi-core` states, so what it answers is right by
/// its looks. Fit for tests and demonstrations.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    clients: BTreeMap<ClientId, Client>,
    orders: BTreeMap<OrderId, Order>,
    events: Vec<OrderEvent>,
    last_order_id: i64,
    audit: Vec<StoredAudit>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A test that panicked while it held the lock left a whole state: no method leaves half a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn push_event(&mut self, order_id: OrderId, number: &OrderNumber, stamp: &Stamp, kind: EventKind) {
        let id = EventId::new(i64::try_from(self.events.len()).unwrap_or(i64::MAX) + 1);
        self.events.push(OrderEvent::new(id, order_id, number.clone(), stamp, kind));
    }

    fn email_taken(&self, email: &Email, by_other_than: ClientId) -> bool {
        self.clients.values().any(|other| other.id != by_other_than && other.email.folded() == email.folded())
    }

    fn order_with(&self, number: &OrderNumber) -> Option<&Order> {
        self.orders.values().find(|order| order.number.matches(number))
    }

    fn change_order(&mut self, changed: &Order, stamp: &Stamp) -> Order {
        let stored = self.orders.get_mut(&changed.id).expect("the caller found it");
        let before = stored.clone();
        if before.same_content(changed) {
            return before;
        }
        let after =
            Order { created_at: before.created_at, updated_at: before.updated_at.next(stamp.at), ..changed.clone() };
        *stored = after.clone();
        for kind in EventKind::changes(&before, &after) {
            self.push_event(after.id, &after.number, stamp, kind);
        }
        after
    }
}

fn limit_page<T: Clone, C>(mut rows: Vec<T>, limit: PageLimit, cursor: impl FnOnce(&T) -> C) -> Page<T, C> {
    rows.truncate(limit.get() + 1);
    Page::from_one_more(rows, limit, cursor)
}

#[async_trait]
impl ClientRepository for MemoryStore {
    fn database(&self) -> String {
        "memory".to_owned()
    }

    async fn insert(&self, client: &Client) -> Result<Client, StoreError> {
        let mut state = self.lock();
        if state.clients.contains_key(&client.id) {
            return Err(StoreError::AlreadyExists { field: UniqueField::ClientId });
        }
        if state.email_taken(&client.email, client.id) {
            return Err(StoreError::AlreadyExists { field: UniqueField::Email });
        }
        state.clients.insert(client.id, client.clone());
        Ok(client.clone())
    }

    async fn get(&self, id: ClientId) -> Result<Option<Client>, StoreError> {
        Ok(self.lock().clients.get(&id).cloned())
    }

    async fn get_many(&self, ids: &[ClientId]) -> Result<Vec<Client>, StoreError> {
        let state = self.lock();
        let ids: BTreeSet<_> = ids.iter().collect();
        Ok(ids.into_iter().filter_map(|id| state.clients.get(id).cloned()).collect())
    }

    async fn find_by_email(&self, email: &Email) -> Result<Option<Client>, StoreError> {
        Ok(self.lock().clients.values().find(|client| client.email.folded() == email.folded()).cloned())
    }

    async fn update(&self, client: &Client, expected: Expected, at: Timestamp) -> Result<Client, StoreError> {
        let mut state = self.lock();
        let stored = state.clients.get(&client.id).ok_or(StoreError::NotFound)?.clone();
        if !expected.allows(stored.version()) {
            return Err(StoreError::VersionConflict);
        }
        if stored.same_content(client) {
            return Ok(stored);
        }
        if state.email_taken(&client.email, client.id) {
            return Err(StoreError::AlreadyExists { field: UniqueField::Email });
        }
        let changed =
            Client { created_at: stored.created_at, updated_at: stored.updated_at.next(at), ..client.clone() };
        state.clients.insert(client.id, changed.clone());
        Ok(changed)
    }

    async fn delete(&self, id: ClientId, expected: Expected) -> Result<Client, StoreError> {
        let mut state = self.lock();
        let stored = state.clients.get(&id).ok_or(StoreError::NotFound)?;
        if !expected.allows(stored.version()) {
            return Err(StoreError::VersionConflict);
        }
        state.clients.remove(&id).ok_or(StoreError::NotFound)
    }

    async fn page(
        &self,
        listing: &ClientListing,
        request: &PageRequest<ClientCursor>,
    ) -> Result<Page<Client, ClientCursor>, StoreError> {
        let key = |client: &Client| (listing.rank_of(client), provesi_core::name_key(client.name.as_str()), client.id);
        let mut rows: Vec<_> =
            self.lock().clients.values().filter(|client| listing.filter.matches(client)).cloned().collect();
        if let Some(cursor) = &request.after {
            let place = listing.position(cursor)?;
            let place = (place.rank, provesi_core::name_key(&place.name), place.id);
            rows.retain(|client| listing.direction.apply(key(client).cmp(&place)).is_gt());
        }
        rows.sort_by_cached_key(key);
        if listing.direction == provesi_core::Direction::Descending {
            rows.reverse();
        }
        Ok(limit_page(rows, request.limit, |last| listing.cursor_at(last)))
    }

    fn stream(&self, listing: &ClientListing) -> BoxStream<Result<Client, StoreError>> {
        let (store, listing) = (self.clone(), listing.clone());
        stream_items(move |after| {
            let (store, listing) = (store.clone(), listing.clone());
            async move { ClientRepository::page(&store, &listing, &PageRequest { limit: PageLimit::MAX, after }).await }
        })
    }

    async fn count(&self, filter: &ClientFilter) -> Result<u64, StoreError> {
        Ok(self.lock().clients.values().filter(|client| filter.matches(client)).count() as u64)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

#[async_trait]
impl OrderRepository for MemoryStore {
    fn database(&self) -> String {
        "memory".to_owned()
    }

    async fn insert(&self, order: &NewOrder, stamp: &Stamp) -> Result<Order, StoreError> {
        let mut state = self.lock();
        if state.order_with(&order.number).is_some() {
            return Err(StoreError::AlreadyExists { field: UniqueField::OrderNumber });
        }
        state.last_order_id += 1;
        let made = order.clone().with_id(OrderId::new(state.last_order_id));
        state.orders.insert(made.id, made.clone());
        state.push_event(made.id, &made.number, stamp, EventKind::created(order));
        Ok(made)
    }

    async fn get(&self, id: OrderId) -> Result<Option<Order>, StoreError> {
        Ok(self.lock().orders.get(&id).cloned())
    }

    async fn find_by_number(&self, number: &OrderNumber) -> Result<Option<Order>, StoreError> {
        Ok(self.lock().order_with(number).cloned())
    }

    async fn find_by_numbers(&self, numbers: &[OrderNumber]) -> Result<Vec<Order>, StoreError> {
        let numbers: BTreeSet<_> = numbers.iter().map(OrderNumber::folded).collect();
        Ok(self.lock().orders.values().filter(|order| numbers.contains(&order.number.folded())).cloned().collect())
    }

    async fn update(&self, order: &Order, expected: Expected, stamp: &Stamp) -> Result<Order, StoreError> {
        let mut state = self.lock();
        let stored = state.orders.get(&order.id).ok_or(StoreError::NotFound)?;
        if !expected.allows(stored.version()) {
            return Err(StoreError::VersionConflict);
        }
        if state.order_with(&order.number).is_some_and(|other| other.id != order.id) {
            return Err(StoreError::AlreadyExists { field: UniqueField::OrderNumber });
        }
        Ok(state.change_order(order, stamp))
    }

    async fn delete(&self, id: OrderId, expected: Expected, stamp: &Stamp) -> Result<Order, StoreError> {
        let mut state = self.lock();
        let stored = state.orders.get(&id).ok_or(StoreError::NotFound)?;
        if !expected.allows(stored.version()) {
            return Err(StoreError::VersionConflict);
        }
        let order = state.orders.remove(&id).ok_or(StoreError::NotFound)?;
        state.push_event(id, &order.number, stamp, EventKind::deleted(&order));
        Ok(order)
    }

    async fn page(
        &self,
        listing: &OrderListing,
        request: &PageRequest<OrderCursor>,
    ) -> Result<Page<Order, OrderCursor>, StoreError> {
        let mut rows: Vec<_> =
            self.lock().orders.values().filter(|order| listing.filter.matches(order)).cloned().collect();
        if let Some(cursor) = &request.after {
            let place = listing.position(cursor)?;
            rows.retain(|order| listing.direction.apply(listing.position_of(order).cmp(place)).is_gt());
        }
        rows.sort_by(|a, b| listing.compare(a, b));
        Ok(limit_page(rows, request.limit, |last| listing.cursor_at(last)))
    }

    fn stream(&self, listing: &OrderListing) -> BoxStream<Result<Order, StoreError>> {
        let (store, listing) = (self.clone(), listing.clone());
        stream_items(move |after| {
            let (store, listing) = (store.clone(), listing.clone());
            async move { OrderRepository::page(&store, &listing, &PageRequest { limit: PageLimit::MAX, after }).await }
        })
    }

    async fn count(&self, filter: &OrderFilter) -> Result<u64, StoreError> {
        Ok(self.lock().orders.values().filter(|order| filter.matches(order)).count() as u64)
    }

    async fn count_by_client(&self, ids: &[ClientId]) -> Result<HashMap<ClientId, u64>, StoreError> {
        let mut counts: HashMap<_, u64> = ids.iter().map(|id| (*id, 0)).collect();
        for order in self.lock().orders.values() {
            if let Some(count) = order.client_id.and_then(|id| counts.get_mut(&id)) {
                *count += 1;
            }
        }
        Ok(counts)
    }

    async fn detach_client(&self, id: ClientId, stamp: &Stamp) -> Result<u64, StoreError> {
        let mut state = self.lock();
        let orders: Vec<_> = state.orders.values().filter(|order| order.client_id == Some(id)).cloned().collect();
        for order in &orders {
            state.change_order(&Order { client_id: None, ..order.clone() }, stamp);
        }
        Ok(orders.len() as u64)
    }

    fn client_ids(&self) -> BoxStream<Result<ClientId, StoreError>> {
        let store = self.clone();
        stream_items(move |after: Option<ClientId>| {
            let store = store.clone();
            async move {
                let ids: BTreeSet<_> = store.lock().orders.values().filter_map(|order| order.client_id).collect();
                let ids = ids.into_iter().filter(|id| after.is_none_or(|after| *id > after)).collect();
                Ok(limit_page(ids, PageLimit::MAX, |last| *last))
            }
        })
    }

    async fn history(
        &self,
        number: &OrderNumber,
        after: Option<EventId>,
        limit: PageLimit,
    ) -> Result<Vec<OrderEvent>, StoreError> {
        let state = self.lock();
        let id = match state.order_with(number) {
            Some(order) => Some(order.id),
            // Whoever had the number last is whose event under it, or away from it, is the latest.
            None => state.events.iter().rev().find(|event| had_number(event, number)).map(|event| event.order_id),
        };
        let of_order = state.events.iter().filter(|event| Some(event.order_id) == id);
        Ok(of_order.filter(|event| Some(event.id) > after).take(limit.get()).cloned().collect())
    }

    async fn feed(&self, after: Option<EventId>, limit: PageLimit) -> Result<Vec<OrderEvent>, StoreError> {
        Ok(self.lock().events.iter().filter(|event| Some(event.id) > after).take(limit.get()).cloned().collect())
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

fn had_number(event: &OrderEvent, number: &OrderNumber) -> bool {
    let before = match &event.kind {
        EventKind::Renumbered { from, .. } => Some(from),
        _ => None,
    };
    event.number.matches(number) || before.is_some_and(|before| before.matches(number))
}
