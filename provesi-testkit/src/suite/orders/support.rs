//! What the cases share.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use provesi_core::{
    EventId, EventKind, NewOrder, Order, OrderEvent, OrderFilter, OrderId, OrderListing, OrderRepository, OrderStatus,
    PageLimit, PageRequest, ReturnReason, StoreError,
};

use crate::{order, stamp};

pub(super) type Store = Arc<dyn OrderRepository>;

/// Inserts an order at its `updated_at` and returns it.
pub(super) async fn insert(store: &Store, new: NewOrder) -> Order {
    store.insert(&new, &stamp(0)).await.expect("the number is free")
}

/// Inserts many orders, some at once, since each commit may take its time. The answers are in the order given, the
/// ids need not be.
pub(super) async fn insert_all(store: &Store, new: &[NewOrder]) -> Vec<Order> {
    let stamp = &stamp(0);
    stream::iter(new).map(|new| store.insert(new, stamp)).buffered(8).try_collect().await.expect("the numbers are free")
}

/// Orders `{prefix}-1` to `{prefix}-{count}`, received, of nobody.
pub(super) fn many(prefix: &str, count: usize) -> Vec<NewOrder> {
    (1..=count).map(|n| order(&format!("{prefix}-{n}"))).collect()
}

/// A limit of a page.
pub(super) fn limit(limit: u32) -> PageLimit {
    PageLimit::new(limit).expect("the limit is 1 to 1,000")
}

/// All that a store holds: what is compared before and after a call that must change nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Snapshot {
    pub(super) orders: Vec<Order>,
    pub(super) events: Vec<OrderEvent>,
}

pub(super) async fn snapshot(store: &Store) -> Snapshot {
    Snapshot { orders: all(store).await, events: feed(store).await }
}

/// All orders, the latest change first.
pub(super) async fn all(store: &Store) -> Vec<Order> {
    pages(store, &OrderListing::default(), PageLimit::MAX).await
}

/// A listing read page by page, each page checked for its size and for whether another follows.
pub(super) async fn pages(store: &Store, listing: &OrderListing, limit: PageLimit) -> Vec<Order> {
    let mut request = PageRequest::first(limit);
    let mut all = Vec::new();
    loop {
        let page = store.page(listing, &request).await.expect("the page is read");
        assert!(page.items.len() <= limit.get(), "{} items on a page of {}", page.items.len(), limit.get());
        assert!(page.next.is_none() || page.items.len() == limit.get(), "a page with a next one is full");
        let last = page.items.last().map(|last| listing.cursor_at(last));
        all.extend(page.items);
        let Some(next) = page.next else { return all };
        assert_eq!(Some(&next), last.as_ref(), "the next page starts after the last item");
        request.after = Some(next);
    }
}

/// All events of the store.
pub(super) async fn feed(store: &Store) -> Vec<OrderEvent> {
    feed_after(store, None, PageLimit::MAX).await
}

/// All events after one, read by `limit` at a time.
pub(super) async fn feed_after(store: &Store, mut after: Option<EventId>, limit: PageLimit) -> Vec<OrderEvent> {
    let mut events = Vec::new();
    loop {
        let more = store.feed(after, limit).await.expect("the feed is read");
        assert!(more.len() <= limit.get(), "{} events where {} were asked for", more.len(), limit.get());
        let Some(last) = more.last() else { return events };
        after = Some(last.id);
        events.extend(more);
        assert!(events.iter().is_sorted_by(|a, b| a.id < b.id), "event ids grow strictly");
    }
}

/// All events of the order that has, or last had, this number.
pub(super) async fn history(store: &Store, text: &str) -> Vec<OrderEvent> {
    store.history(&crate::number(text), None, PageLimit::MAX).await.expect("the history is read")
}

/// What happened, without who and when.
pub(super) fn kinds(events: &[OrderEvent]) -> Vec<EventKind> {
    events.iter().map(|event| event.kind.clone()).collect()
}

/// The names of what happened.
pub(super) fn names(events: &[OrderEvent]) -> Vec<&'static str> {
    events.iter().map(|event| event.kind.name()).collect()
}

/// Asserts that the store has this order, to the letter and whichever way one looks for it.
pub(super) async fn assert_stored(store: &Store, order: &Order) {
    assert_eq!(store.get(order.id).await.expect("get answers").as_ref(), Some(order));
    assert_eq!(store.find_by_number(&order.number).await.expect("find answers").as_ref(), Some(order));
    assert_eq!(store.find_by_numbers(&[order.number.clone()]).await.expect("find answers"), [order.clone()]);
    let mut listing = OrderListing::default();
    listing.filter.number_part = provesi_core::NumberPart::parse(order.number.as_str()).ok();
    assert!(pages(store, &listing, PageLimit::MAX).await.contains(order), "{order:?} is not listed as it is stored");
}

/// Asserts that an answer is `VersionConflict`.
pub(super) fn assert_conflict(answer: Result<Order, StoreError>) {
    assert!(matches!(answer, Err(StoreError::VersionConflict)), "expected VersionConflict, got {answer:?}");
}

/// Asserts that an answer is `NotFound`.
pub(super) fn assert_not_found(answer: Result<Order, StoreError>) {
    assert!(matches!(answer, Err(StoreError::NotFound)), "expected NotFound, got {answer:?}");
}

/// Asserts that the events, told one after the other, end with the orders that are there: no event without its
/// change and no change without its event, whoever wrote at the same time. Holds for orders that the port itself
/// changed, and changed by the rules of a return.
pub(super) async fn assert_events_tell_the_orders(store: &Store) {
    let Snapshot { orders, events } = snapshot(store).await;
    let mut told: BTreeMap<OrderId, Told> = BTreeMap::new();
    for event in events {
        let id = event.order_id;
        match (event.kind.clone(), told.get_mut(&id)) {
            (EventKind::Created { status, client_id, return_info }, None) => {
                let reason = return_info.map(|info| info.reason);
                told.insert(id, Told { number: event.number, client_id, status, reason, deleted: false });
            }
            (kind, Some(order)) if !order.deleted => {
                order.hear(&kind);
                assert_eq!(order.number, event.number, "an event has the number of its order: {kind:?}");
            }
            (kind, before) => panic!("{kind:?} of order {id} after {before:?}"),
        }
    }
    told.retain(|_, order| !order.deleted);
    let there = orders.into_iter().map(|order| {
        let reason = order.return_info().map(|info| info.reason.clone());
        let status = order.status();
        (order.id, Told { number: order.number, client_id: order.client_id, status, reason, deleted: false })
    });
    assert_eq!(told, there.collect(), "the events tell of these orders, and those are there");
}

/// What the events say of an order.
#[derive(Debug, PartialEq, Eq)]
struct Told {
    number: provesi_core::OrderNumber,
    client_id: Option<provesi_core::ClientId>,
    status: OrderStatus,
    reason: Option<ReturnReason>,
    deleted: bool,
}

impl Told {
    fn hear(&mut self, kind: &EventKind) {
        match kind.clone() {
            EventKind::StatusChanged { from, to, cleared } => {
                assert_eq!((from, cleared.map(|info| info.reason)), (self.status, self.reason.take()));
                self.status = to;
            }
            EventKind::Returned { from, reason } => {
                assert_eq!(from, self.status);
                (self.status, self.reason) = (OrderStatus::Returned, Some(reason));
            }
            EventKind::ReasonChanged { from, to } => {
                assert_eq!(from, self.reason);
                self.reason = Some(to);
            }
            EventKind::ClientChanged { from, to } => {
                assert_eq!(from, self.client_id);
                self.client_id = to;
            }
            EventKind::Renumbered { from, to } => {
                assert_eq!(from, self.number);
                self.number = to;
            }
            EventKind::Deleted { status, client_id, return_info } => {
                let reason = return_info.map(|info| info.reason);
                assert_eq!((status, client_id, &reason), (self.status, self.client_id, &self.reason));
                self.deleted = true;
            }
            other => panic!("{other:?} in the middle of an order's life"),
        }
    }
}

/// A filter for orders in these statuses.
pub(super) fn in_statuses(statuses: &[OrderStatus]) -> OrderFilter {
    let mut filter = OrderFilter::default();
    filter.statuses = statuses.iter().copied().collect();
    filter
}
