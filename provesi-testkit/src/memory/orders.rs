//! The port of orders over [`MemoryStore`].

use std::collections::{BTreeSet, HashMap};

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use provesi_core::{
    BoxStream, ClientId, EventId, EventKind, Expected, NewOrder, Order, OrderCursor, OrderEvent, OrderFilter, OrderId,
    OrderListing, OrderNumber, OrderRepository, Page, PageLimit, PageRequest, Stamp, StoreError, UniqueField,
    stream_items,
};

use super::{MemoryStore, Tables, count, one_more_than_a_page};

impl Tables {
    fn expect_order(&self, id: OrderId, expected: Expected) -> Result<Order, StoreError> {
        let stored = self.orders.get(&id).ok_or(StoreError::NotFound)?;
        if !expected.allows(stored.version()) {
            return Err(StoreError::VersionConflict);
        }
        Ok(stored.clone())
    }

    fn put_order(&mut self, order: Order) {
        self.numbers.insert(order.number.folded(), order.id);
        self.orders.insert(order.id, order);
    }

    /// Keeps what `given` says of the order `stored`, with the events of the change.
    fn change_order(&mut self, stored: Order, given: Order, stamp: &Stamp) -> Result<Order, StoreError> {
        if stored.same_content(&given) {
            return Ok(stored);
        }
        if self.numbers.get(&given.number.folded()).is_some_and(|id| *id != given.id) {
            return Err(StoreError::AlreadyExists { field: UniqueField::OrderNumber });
        }
        let updated = Order { created_at: stored.created_at, updated_at: stored.updated_at.next(stamp.at), ..given };
        for kind in EventKind::changes(&stored, &updated) {
            self.keep_event(updated.id, &updated.number, stamp, kind);
        }
        self.numbers.remove(&stored.number.folded());
        self.put_order(updated.clone());
        Ok(updated)
    }

    fn order_page(
        &self,
        listing: &OrderListing,
        request: &PageRequest<OrderCursor>,
    ) -> Result<Page<Order, OrderCursor>, StoreError> {
        let after = request.after.as_ref().map(|cursor| listing.position(cursor)).transpose()?;
        let rows = self
            .orders
            .values()
            .filter(|order| listing.filter.matches(order))
            .map(|order| (listing.position_of(order), order));
        let items = one_more_than_a_page(rows, after, listing.direction, request.limit);
        Ok(Page::from_one_more(items, request.limit, |last| listing.cursor_at(last)))
    }

    /// The order that has `number` now, else the one that had it last. No two have it at once, so the one that had
    /// it last is the one whose event named it last.
    fn owner_of(&self, number: &OrderNumber) -> Option<OrderId> {
        let names = |event: &OrderEvent| {
            let before = match &event.kind {
                EventKind::Renumbered { from, .. } => Some(from),
                _ => None,
            };
            event.number.matches(number) || before.is_some_and(|before| before.matches(number))
        };
        let had_it_last = || self.events.iter().rev().find(|event| names(event)).map(|event| event.order_id);
        self.numbers.get(&number.folded()).copied().or_else(had_it_last)
    }

    fn client_ids(&self) -> BTreeSet<ClientId> {
        self.orders.values().filter_map(|order| order.client_id).collect()
    }
}

#[async_trait]
impl OrderRepository for MemoryStore {
    fn database(&self) -> String {
        "memory".to_owned()
    }

    async fn insert(&self, order: &NewOrder, stamp: &Stamp) -> Result<Order, StoreError> {
        let mut tables = self.tables();
        if tables.numbers.contains_key(&order.number.folded()) {
            return Err(StoreError::AlreadyExists { field: UniqueField::OrderNumber });
        }
        tables.orders_made += 1;
        let id = OrderId::new(tables.orders_made);
        tables.keep_event(id, &order.number, stamp, EventKind::created(order));
        let order = order.clone().with_id(id);
        tables.put_order(order.clone());
        Ok(order)
    }

    async fn get(&self, id: OrderId) -> Result<Option<Order>, StoreError> {
        Ok(self.tables().orders.get(&id).cloned())
    }

    async fn find_by_number(&self, number: &OrderNumber) -> Result<Option<Order>, StoreError> {
        let tables = self.tables();
        Ok(tables.numbers.get(&number.folded()).and_then(|id| tables.orders.get(id)).cloned())
    }

    async fn find_by_numbers(&self, numbers: &[OrderNumber]) -> Result<Vec<Order>, StoreError> {
        let tables = self.tables();
        let asked: BTreeSet<_> = numbers.iter().map(OrderNumber::folded).collect();
        let ids = asked.iter().filter_map(|folded| tables.numbers.get(folded));
        Ok(ids.filter_map(|id| tables.orders.get(id)).cloned().collect())
    }

    async fn update(&self, order: &Order, expected: Expected, stamp: &Stamp) -> Result<Order, StoreError> {
        let mut tables = self.tables();
        let stored = tables.expect_order(order.id, expected)?;
        tables.change_order(stored, order.clone(), stamp)
    }

    async fn delete(&self, id: OrderId, expected: Expected, stamp: &Stamp) -> Result<Order, StoreError> {
        let mut tables = self.tables();
        let stored = tables.expect_order(id, expected)?;
        tables.keep_event(id, &stored.number, stamp, EventKind::deleted(&stored));
        tables.numbers.remove(&stored.number.folded());
        tables.orders.remove(&id);
        Ok(stored)
    }

    async fn page(
        &self,
        listing: &OrderListing,
        request: &PageRequest<OrderCursor>,
    ) -> Result<Page<Order, OrderCursor>, StoreError> {
        self.tables().order_page(listing, request)
    }

    fn stream(&self, listing: &OrderListing) -> BoxStream<Result<Order, StoreError>> {
        let (store, listing) = (self.clone(), listing.clone());
        stream_items(move |after| {
            let page = store.tables().order_page(&listing, &PageRequest { limit: PageLimit::MAX, after });
            std::future::ready(page)
        })
    }

    async fn count(&self, filter: &OrderFilter) -> Result<u64, StoreError> {
        Ok(count(self.tables().orders.values(), |order| filter.matches(order)))
    }

    async fn count_by_client(&self, ids: &[ClientId]) -> Result<HashMap<ClientId, u64>, StoreError> {
        let tables = self.tables();
        let mut counts: HashMap<_, _> = ids.iter().map(|id| (*id, 0)).collect();
        for id in tables.orders.values().filter_map(|order| order.client_id) {
            counts.entry(id).and_modify(|count| *count += 1);
        }
        Ok(counts)
    }

    async fn detach_client(&self, id: ClientId, stamp: &Stamp) -> Result<u64, StoreError> {
        let mut tables = self.tables();
        let of_client: Vec<_> = tables.orders.values().filter(|order| order.client_id == Some(id)).cloned().collect();
        for order in &of_client {
            tables.change_order(order.clone(), Order { client_id: None, ..order.clone() }, stamp)?;
        }
        Ok(count(of_client.iter(), |_| true))
    }

    fn client_ids(&self) -> BoxStream<Result<ClientId, StoreError>> {
        let store = self.clone();
        // Asked for when the stream is first polled, as a store with a database would.
        stream::once(async move { stream::iter(store.tables().client_ids()).map(Ok) }).flatten().boxed()
    }

    async fn history(
        &self,
        number: &OrderNumber,
        after: Option<EventId>,
        limit: PageLimit,
    ) -> Result<Vec<OrderEvent>, StoreError> {
        let tables = self.tables();
        let Some(owner) = tables.owner_of(number) else { return Ok(Vec::new()) };
        Ok(tables.events_after(after, limit, |event| event.order_id == owner))
    }

    async fn feed(&self, after: Option<EventId>, limit: PageLimit) -> Result<Vec<OrderEvent>, StoreError> {
        Ok(self.tables().events_after(after, limit, |_| true))
    }

    async fn ping(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
