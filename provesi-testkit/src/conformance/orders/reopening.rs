//! What was written is there after the store was opened again.

use provesi_core::{
    Entry, EntryKey, EntryKind, EntryQuery, EntryWrite, Expected, Order, OrderCount, OrderCounts, OrderEvent,
    OrderFilter, OrderGroup, OrderListing, OrderRepositoryExt, OrderRow, OrderStatus, OrderWrite, StoreError,
};

use crate::conformance::support::{Orders, all_events, assert_record, assert_refused, order_rows, story};
use crate::data::{at, client_id, in_status, new_order, stamp, version_of, with};

async fn insert(store: &Orders, number: &str) -> Order {
    store.insert(&new_order(number), &stamp(0)).await.expect("inserted")
}

async fn update(store: &Orders, order: Order) -> Order {
    store.update(&order, Expected::Any, &stamp(1)).await.expect("updated")
}

async fn delete(store: &Orders, order: &Order) {
    store.delete(order.id, Expected::Any, &stamp(2)).await.expect("deleted");
}

/// What a store answers about its orders and their events.
async fn answers(store: &Orders) -> (Vec<OrderRow>, Vec<OrderEvent>, OrderCounts) {
    let by_status = OrderCount::Orders { filter: OrderFilter::default(), by: OrderGroup::Status };
    let counts = store.count(&by_status).await.expect("counted");
    (order_rows(store, &OrderListing::default(), 3).await, all_events(store).await, counts)
}

pub async fn orders_and_events_are_there_after_reopening(store: Orders, reopen: impl AsyncFnOnce() -> Orders) {
    insert(&store, "A-1").await;
    let order = insert(&store, "A-2").await;
    let order = update(&store, with(order, |it| it.client_id = Some(client_id(7)))).await;
    let returned = update(&store, in_status(&order, OrderStatus::Returned)).await;
    let order = insert(&store, "A-3").await;
    let renumbered = update(&store, with(order, |it| it.number = "B-3".parse().expect("a number"))).await;
    let deleted = insert(&store, "A-4").await;
    delete(&store, &deleted).await;
    let order = insert(&store, "A-5").await;
    delete(&store, &order).await;
    let restored = with(order, |it| it.updated_at = at(3));
    store.commit_one(OrderWrite::restore(restored.clone(), stamp(3))).await.expect("restored");
    let before = answers(&store).await;
    drop(store);

    let store = reopen().await;
    assert_eq!(answers(&store).await, before, "orders, events and counts, after reopening and before");
    for order in [returned, renumbered, restored] {
        assert_record(store.find_by_number(&order.number).await, Some(&order));
    }
    assert_eq!(store.get(deleted.id).await.expect("read"), None, "the deleted order");
    assert_eq!(story(&store, "a-3").await, ["created", "renumbered"]);
    assert_eq!(story(&store, "b-3").await, ["created", "renumbered"]);
    assert_eq!(story(&store, "a-4").await, ["created", "deleted"]);
    assert_eq!(story(&store, "a-5").await, ["created", "deleted", "restored"]);
}

fn key(name: &str) -> EntryKey {
    EntryKey::new(EntryKind::Checkpoint, name)
}

pub async fn entries_are_there_after_reopening(store: Orders, reopen: impl AsyncFnOnce() -> Orders) {
    let put = |name| EntryWrite::insert(key(name), "1".to_owned(), Some(at(7)));
    let with_order = OrderWrite::insert(new_order("A-1"), stamp(0)).with_entry(put("a")).with_entry(put("b"));
    let order_id = store.commit_one(with_order).await.expect("inserted");
    let entry = async |name| store.entry(key(name)).await.expect("read").expect("there");
    store.commit_entry(EntryWrite::remove(entry("b").await), &stamp(1)).await.expect("removed");
    store.commit_entry(put("c"), &stamp(1)).await.expect("put");
    let replaced = EntryWrite::replace(entry("c").await, "2".to_owned(), None);
    store.commit_entry(replaced, &stamp(1)).await.expect("replaced");
    drop(store);

    let store = reopen().await;
    let keys = EntryQuery::Keys(["a", "b", "c"].map(key).to_vec());
    let mut entries = store.entries(&keys).await.expect("read");
    entries.sort_by(|a, b| a.key.name.cmp(&b.key.name));
    let expected = [
        Entry::builder().key(key("a")).value("1".to_owned()).due_at(at(7)).maybe_order_id(order_id).build(),
        Entry::builder().key(key("c")).value("2".to_owned()).build(),
    ];
    assert_eq!(entries, expected);
    assert_refused!(store.commit_entry(put("a"), &stamp(2)).await, StoreError::EntryConflict { .. });
}

pub async fn writes_are_compared_with_what_was_there_before_reopening(
    store: Orders,
    reopen: impl AsyncFnOnce() -> Orders,
) {
    let stale = insert(&store, "A-1").await;
    let current = update(&store, in_status(&stale, OrderStatus::Picking)).await;
    let deleted = insert(&store, "A-2").await;
    delete(&store, &deleted).await;
    drop(store);

    let store = reopen().await;
    let packing = in_status(&current, OrderStatus::Packing);
    let refused = store.update(&packing, version_of(&stale), &stamp(3)).await;
    assert_refused!(refused, StoreError::VersionConflict);
    assert_refused!(store.insert(&new_order("a-1"), &stamp(3)).await, StoreError::AlreadyExists { .. });
    store.update(&packing, version_of(&current), &stamp(3)).await.expect("the version is the current one");
    store.insert(&new_order("a-2"), &stamp(3)).await.expect("a deleted order frees its number");
    assert_eq!(story(&store, "a-1").await, ["created", "status_changed", "status_changed"]);
}

pub async fn ids_go_on_after_reopening(store: Orders, reopen: impl AsyncFnOnce() -> Orders) {
    let last = insert(&store, "A-1").await;
    delete(&store, &last).await;
    drop(store);

    let store = reopen().await;
    let next = insert(&store, "A-1").await;
    assert!(next.id > last.id, "ids are never given twice: {} after {}", next.id, last.id);
    let kinds: Vec<_> = all_events(&store).await.iter().map(|event| (event.order_id, event.kind.name())).collect();
    assert_eq!(kinds, [(last.id, "created"), (last.id, "deleted"), (next.id, "created")]);
}
