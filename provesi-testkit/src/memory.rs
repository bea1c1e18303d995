//! The reference store: obviously right rather than fast.

mod audit;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use provesi_core::{
    BoxStream, Client, ClientCursor, ClientFilter, ClientId, ClientListing, ClientRepository, Direction, Email,
    EventId, EventKind, Expected, NewOrder, Order, OrderCursor, OrderEvent, OrderFilter, OrderId, OrderListing,
    OrderNumber, OrderRepository, Page, PageLimit, PageRequest, Stamp, StoreError, StoredAudit, Timestamp, UniqueField,
    name_key, stream_items,
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
    clients: BTreeMap<ClientId, Client>,
    by_email: HashMap<String, ClientId>,
    orders: BTreeMap<OrderId, Order>,
    by_number: HashMap<String, OrderId>,
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

    fn put_client(&mut self, client: &Client) {
        self.remove_client(client.id);
        self.by_email.insert(client.email.folded(), client.id);
        self.clients.insert(client.id, client.clone());
    }

    fn remove_client(&mut self, id: ClientId) -> Option<Client> {
        let client = self.clients.remove(&id)?;
        self.by_email.remove(&client.email.folded());
        Some(client)
    }

    fn put_order(&mut self, order: &Order) {
        self.remove_order(order.id);
        self.by_number.insert(order.number.folded(), order.id);
        self.orders.insert(order.id, order.clone());
    }

    fn remove_order(&mut self, id: OrderId) -> Option<Order> {
        let order = self.orders.remove(&id)?;
        self.by_number.remove(&order.number.folded());
        Some(order)
    }

    fn client_with(&self, email: &Email) -> Option<&Client> {
        self.clients.get(self.by_email.get(&email.folded())?)
    }

    fn email_taken(&self, email: &Email, by_other_than: ClientId) -> bool {
        self.client_with(email).is_some_and(|client| client.id != by_other_than)
    }

    fn order_with(&self, number: &OrderNumber) -> Option<&Order> {
        self.orders.get(self.by_number.get(&number.folded())?)
    }

    fn change_order(&mut self, changed: &Order, stamp: &Stamp) -> Order {
        let before = self.orders.get(&changed.id).expect("the caller found it").clone();
        if before.same_content(changed) {
            return before;
        }
        let after =
            Order { created_at: before.created_at, updated_at: before.updated_at.next(stamp.at), ..changed.clone() };
        self.put_order(&after);
        for kind in EventKind::changes(&before, &after) {
            self.push_event(after.id, &after.number, stamp, kind);
        }
        after
    }
}

/// The first of `rows` after a place, in the order of `key`, which no two have alike.
fn page<'r, T: Clone + 'r, K: Ord, C>(
    rows: impl Iterator<Item = &'r T>,
    key: impl Fn(&T) -> K,
    direction: Direction,
    after: Option<K>,
    limit: PageLimit,
    cursor: impl FnOnce(&T) -> C,
) -> Page<T, C> {
    let compare = |a: &K, b: &K| direction.apply(a.cmp(b));
    let mut rows: Vec<_> = rows.map(|row| (key(row), row)).collect();
    if let Some(place) = after {
        rows.retain(|(key, _)| compare(key, &place).is_gt());
    }
    let most = limit.get() + 1;
    if rows.len() > most {
        // Only what is on the page need be sorted.
        rows.select_nth_unstable_by(most, |(a, _), (b, _)| compare(a, b));
        rows.truncate(most);
    }
    rows.sort_by(|(a, _), (b, _)| compare(a, b));
    Page::from_one_more(rows.into_iter().map(|(_, row)| row.clone()).collect(), limit, cursor)
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
        state.put_client(client);
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
        Ok(self.lock().client_with(email).cloned())
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
        state.put_client(&changed);
        Ok(changed)
    }

    async fn delete(&self, id: ClientId, expected: Expected) -> Result<Client, StoreError> {
        let mut state = self.lock();
        let stored = state.clients.get(&id).ok_or(StoreError::NotFound)?;
        if !expected.allows(stored.version()) {
            return Err(StoreError::VersionConflict);
        }
        state.remove_client(id).ok_or(StoreError::NotFound)
    }

    async fn page(
        &self,
        listing: &ClientListing,
        request: &PageRequest<ClientCursor>,
    ) -> Result<Page<Client, ClientCursor>, StoreError> {
        let key = |client: &Client| (listing.rank_of(client), name_key(client.name.as_str()), client.id);
        let after = request.after.as_ref().map(|cursor| listing.position(cursor)).transpose()?;
        let after = after.map(|place| (place.rank, name_key(&place.name), place.id));
        let state = self.lock();
        let rows = state.clients.values().filter(|client| listing.filter.matches(client));
        Ok(page(rows, key, listing.direction, after, request.limit, |last| listing.cursor_at(last)))
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
        state.put_order(&made);
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
        let order = state.remove_order(id).ok_or(StoreError::NotFound)?;
        state.push_event(id, &order.number, stamp, EventKind::deleted(&order));
        Ok(order)
    }

    async fn page(
        &self,
        listing: &OrderListing,
        request: &PageRequest<OrderCursor>,
    ) -> Result<Page<Order, OrderCursor>, StoreError> {
        let after = request.after.as_ref().map(|cursor| listing.position(cursor).cloned()).transpose()?;
        let key = |order: &Order| listing.position_of(order);
        let state = self.lock();
        let rows = state.orders.values().filter(|order| listing.filter.matches(order));
        Ok(page(rows, key, listing.direction, after, request.limit, |last| listing.cursor_at(last)))
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
                Ok(page(ids.iter(), |id| *id, Direction::Ascending, after, PageLimit::MAX, |last| *last))
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
