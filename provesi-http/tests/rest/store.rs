//! A store of both ports in memory that fails when a test says so.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::stream::{self, StreamExt};
use provesi_core::{
    BoxStream, Client, ClientCursor, ClientFilter, ClientId, ClientListing, ClientRepository, Email, EventId,
    EventKind, Expected, NewOrder, Order, OrderCursor, OrderEvent, OrderFilter, OrderId, OrderListing, OrderNumber,
    OrderRepository, Page, PageLimit, PageRequest, Stamp, StoreError, Timestamp, UniqueField,
};

/// What the source of every failure says; no answer may hold it.
pub(crate) const SECRET: &str = "password=hunter2";

#[derive(Debug, Default)]
pub(crate) struct Store {
    data: Mutex<Data>,
    pub(crate) clients_down: AtomicBool,
    pub(crate) orders_down: AtomicBool,
    /// After how many pages of orders the store of orders goes down; 0: never.
    pub(crate) orders_down_after_pages: AtomicUsize,
    pub(crate) clients_broken: AtomicBool,
    pub(crate) slow: AtomicBool,
    pub(crate) panics: AtomicBool,
}

#[derive(Debug, Default)]
struct Data {
    clients: Vec<Client>,
    orders: Vec<Order>,
    events: Vec<OrderEvent>,
    last_order: i64,
}

impl Data {
    fn log(&mut self, order: &Order, stamp: &Stamp, kinds: Vec<EventKind>) {
        for kind in kinds {
            let id = EventId::new(self.events.len() as i64 + 1);
            self.events.push(OrderEvent::new(id, order.id, order.number.clone(), stamp, kind));
        }
    }
}

impl Store {
    fn data(&self) -> MutexGuard<'_, Data> {
        self.data.lock().unwrap()
    }

    async fn clients(&self) -> Result<MutexGuard<'_, Data>, StoreError> {
        if self.slow.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_secs(60)).await;
        }
        if self.panics.load(Ordering::SeqCst) {
            panic!("a bug with ana@example.com in it");
        }
        if self.clients_down.load(Ordering::SeqCst) {
            return Err(StoreError::unavailable(SECRET));
        }
        if self.clients_broken.load(Ordering::SeqCst) {
            return Err(StoreError::corrupt(SECRET));
        }
        Ok(self.data())
    }

    fn orders(&self) -> Result<MutexGuard<'_, Data>, StoreError> {
        if self.orders_down.load(Ordering::SeqCst) { Err(StoreError::unavailable(SECRET)) } else { Ok(self.data()) }
    }
}

fn check(expected: Expected, stored: provesi_core::Version) -> Result<(), StoreError> {
    if expected.allows(stored) { Ok(()) } else { Err(StoreError::VersionConflict) }
}

#[async_trait]
impl ClientRepository for Store {
    fn database(&self) -> String {
        "memory".to_owned()
    }

    async fn insert(&self, client: &Client) -> Result<(), StoreError> {
        let mut data = self.clients().await?;
        if data.clients.iter().any(|other| other.email.folded() == client.email.folded()) {
            return Err(StoreError::AlreadyExists { field: UniqueField::Email });
        }
        data.clients.push(client.clone());
        Ok(())
    }

    async fn get(&self, id: ClientId) -> Result<Option<Client>, StoreError> {
        Ok(self.clients().await?.clients.iter().find(|client| client.id == id).cloned())
    }

    async fn get_many(&self, ids: &[ClientId]) -> Result<Vec<Client>, StoreError> {
        Ok(self.clients().await?.clients.iter().filter(|client| ids.contains(&client.id)).cloned().collect())
    }

    async fn find_by_email(&self, email: &Email) -> Result<Option<Client>, StoreError> {
        Ok(self.clients().await?.clients.iter().find(|client| client.email.folded() == email.folded()).cloned())
    }

    async fn update(&self, client: &Client, expected: Expected, at: Timestamp) -> Result<Client, StoreError> {
        let mut data = self.clients().await?;
        let email = client.email.folded();
        if data.clients.iter().any(|other| other.id != client.id && other.email.folded() == email) {
            return Err(StoreError::AlreadyExists { field: UniqueField::Email });
        }
        let stored = data.clients.iter_mut().find(|other| other.id == client.id).ok_or(StoreError::NotFound)?;
        check(expected, stored.version())?;
        if !stored.same_content(client) {
            let updated_at = stored.updated_at.next(at);
            *stored = Client { created_at: stored.created_at, updated_at, ..client.clone() };
        }
        Ok(stored.clone())
    }

    async fn delete(&self, id: ClientId, expected: Expected) -> Result<Client, StoreError> {
        let mut data = self.clients().await?;
        let at = data.clients.iter().position(|client| client.id == id).ok_or(StoreError::NotFound)?;
        check(expected, data.clients[at].version())?;
        Ok(data.clients.remove(at))
    }

    async fn page(
        &self,
        listing: &ClientListing,
        request: &PageRequest<ClientCursor>,
    ) -> Result<Page<Client, ClientCursor>, StoreError> {
        let data = self.clients().await?;
        let after = request.after.as_ref().map(|cursor| listing.position(cursor)).transpose()?;
        let mut found: Vec<_> = data.clients.iter().filter(|client| listing.filter.matches(client)).cloned().collect();
        found.sort_by(|a, b| listing.compare(a, b));
        let skip = after.and_then(|after| found.iter().position(|client| client.id == after.id)).map_or(0, |at| at + 1);
        let items = found.into_iter().skip(skip).take(request.limit.get() + 1).collect();
        Ok(Page::from_one_more(items, request.limit, |client| listing.cursor_at(client)))
    }

    fn stream(&self, _: &ClientListing) -> BoxStream<Result<Client, StoreError>> {
        stream::empty().boxed()
    }

    async fn count(&self, filter: &ClientFilter) -> Result<u64, StoreError> {
        Ok(self.clients().await?.clients.iter().filter(|client| filter.matches(client)).count() as u64)
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.clients().await.map(drop)
    }
}

#[async_trait]
impl OrderRepository for Store {
    fn database(&self) -> String {
        "memory (orders)".to_owned()
    }

    async fn insert(&self, order: &NewOrder, stamp: &Stamp) -> Result<Order, StoreError> {
        let mut data = self.orders()?;
        if data.orders.iter().any(|other| other.number.matches(&order.number)) {
            return Err(StoreError::AlreadyExists { field: UniqueField::OrderNumber });
        }
        data.last_order += 1;
        let kind = EventKind::created(order);
        let order = order.clone().with_id(OrderId::new(data.last_order));
        data.log(&order, stamp, vec![kind]);
        data.orders.push(order.clone());
        Ok(order)
    }

    async fn get(&self, id: OrderId) -> Result<Option<Order>, StoreError> {
        Ok(self.orders()?.orders.iter().find(|order| order.id == id).cloned())
    }

    async fn find_by_number(&self, number: &OrderNumber) -> Result<Option<Order>, StoreError> {
        Ok(self.orders()?.orders.iter().find(|order| order.number.matches(number)).cloned())
    }

    async fn find_by_numbers(&self, numbers: &[OrderNumber]) -> Result<Vec<Order>, StoreError> {
        let asked = |order: &&Order| numbers.iter().any(|number| number.matches(&order.number));
        Ok(self.orders()?.orders.iter().filter(asked).cloned().collect())
    }

    async fn update(&self, order: &Order, expected: Expected, stamp: &Stamp) -> Result<Order, StoreError> {
        let mut data = self.orders()?;
        if data.orders.iter().any(|other| other.id != order.id && other.number.matches(&order.number)) {
            return Err(StoreError::AlreadyExists { field: UniqueField::OrderNumber });
        }
        let at = data.orders.iter().position(|other| other.id == order.id).ok_or(StoreError::NotFound)?;
        let stored = data.orders[at].clone();
        check(expected, stored.version())?;
        if stored.same_content(order) {
            return Ok(stored);
        }
        let updated_at = stored.updated_at.next(stamp.at);
        let changed = Order { created_at: stored.created_at, updated_at, ..order.clone() };
        data.log(&changed, stamp, EventKind::changes(&stored, &changed));
        data.orders[at] = changed.clone();
        Ok(changed)
    }

    async fn delete(&self, id: OrderId, expected: Expected, stamp: &Stamp) -> Result<Order, StoreError> {
        let mut data = self.orders()?;
        let at = data.orders.iter().position(|order| order.id == id).ok_or(StoreError::NotFound)?;
        check(expected, data.orders[at].version())?;
        let order = data.orders.remove(at);
        data.log(&order, stamp, vec![EventKind::deleted(&order)]);
        Ok(order)
    }

    async fn page(
        &self,
        listing: &OrderListing,
        request: &PageRequest<OrderCursor>,
    ) -> Result<Page<Order, OrderCursor>, StoreError> {
        let page = {
            let data = self.orders()?;
            let after = request.after.as_ref().map(|cursor| listing.position(cursor)).transpose()?;
            let mut found: Vec<_> = data.orders.iter().filter(|order| listing.filter.matches(order)).cloned().collect();
            found.sort_by(|a, b| listing.compare(a, b));
            let past = |order: &Order| after.is_none_or(|after| listing.position_of(order) < *after);
            let items = found.into_iter().filter(past).take(request.limit.get() + 1).collect();
            Page::from_one_more(items, request.limit, |order| listing.cursor_at(order))
        };
        let left = self.orders_down_after_pages.load(Ordering::SeqCst);
        if left > 0 {
            self.orders_down_after_pages.store(left - 1, Ordering::SeqCst);
            self.orders_down.store(left == 1, Ordering::SeqCst);
        }
        Ok(page)
    }

    fn stream(&self, _: &OrderListing) -> BoxStream<Result<Order, StoreError>> {
        stream::empty().boxed()
    }

    async fn count(&self, filter: &OrderFilter) -> Result<u64, StoreError> {
        Ok(self.orders()?.orders.iter().filter(|order| filter.matches(order)).count() as u64)
    }

    async fn count_by_client(&self, ids: &[ClientId]) -> Result<HashMap<ClientId, u64>, StoreError> {
        let data = self.orders()?;
        let count = |id| data.orders.iter().filter(|order| order.client_id == Some(id)).count() as u64;
        Ok(ids.iter().map(|&id| (id, count(id))).collect())
    }

    async fn detach_client(&self, id: ClientId, stamp: &Stamp) -> Result<u64, StoreError> {
        let mut data = self.orders()?;
        let mut changed = Vec::new();
        for order in data.orders.iter_mut().filter(|order| order.client_id == Some(id)) {
            order.client_id = None;
            order.updated_at = order.updated_at.next(stamp.at);
            changed.push(order.clone());
        }
        for order in &changed {
            data.log(order, stamp, vec![EventKind::ClientChanged { from: Some(id), to: None }]);
        }
        Ok(changed.len() as u64)
    }

    fn client_ids(&self) -> BoxStream<Result<ClientId, StoreError>> {
        let ids: BTreeSet<_> = self.data().orders.iter().filter_map(|order| order.client_id).collect();
        stream::iter(ids).map(Ok).boxed()
    }

    async fn history(
        &self,
        number: &OrderNumber,
        after: Option<EventId>,
        limit: PageLimit,
    ) -> Result<Vec<OrderEvent>, StoreError> {
        let data = self.orders()?;
        let now = data.orders.iter().find(|order| order.number.matches(number)).map(|order| order.id);
        let last = data.events.iter().rfind(|event| event.number.matches(number)).map(|event| event.order_id);
        let Some(id) = now.or(last) else { return Ok(Vec::new()) };
        let events = data.events.iter().filter(|event| event.order_id == id && Some(event.id) > after);
        Ok(events.take(limit.get()).cloned().collect())
    }

    async fn feed(&self, after: Option<EventId>, limit: PageLimit) -> Result<Vec<OrderEvent>, StoreError> {
        let data = self.orders()?;
        Ok(data.events.iter().filter(|event| Some(event.id) > after).take(limit.get()).cloned().collect())
    }

    async fn ping(&self) -> Result<(), StoreError> {
        self.orders().map(drop)
    }
}
