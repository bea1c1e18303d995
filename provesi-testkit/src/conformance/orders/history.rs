//! What happened to one order.

use provesi_core::{Expected, Order, OrderNumber, OrderRepositoryExt, OrderStatus, PageLimit};

use crate::conformance::support::{Orders, all_events, story};
use crate::data::{in_status, new_order, stamp, with};

async fn kept(store: &Orders, number: &str) -> Order {
    store.insert(&new_order(number), &stamp(0)).await.expect("kept")
}

async fn rename(store: &Orders, order: &Order, number: &str) -> Order {
    let renamed = with(order.clone(), |it| it.number = number.parse().expect("a number"));
    store.update(&renamed, Expected::Any, &stamp(1)).await.expect("renamed")
}

pub async fn a_history_follows_its_order_through_renumbering(store: Orders) {
    kept(&store, "X-1").await;
    let order = kept(&store, "A-1").await;
    rename(&store, &order, "B-1").await;
    assert_eq!(story(&store, "b-1").await, ["created", "renumbered"]);
    // Nobody else had the number since.
    assert_eq!(story(&store, "A-1").await, ["created", "renumbered"]);
}

pub async fn the_history_of_a_deleted_order_stays(store: Orders) {
    let order = kept(&store, "A-1").await;
    store.update(&in_status(&order, OrderStatus::Packing), Expected::Any, &stamp(1)).await.expect("changed");
    store.delete(order.id, Expected::Any, &stamp(2)).await.expect("deleted");
    assert_eq!(story(&store, "a-1").await, ["created", "status_changed", "deleted"]);
}

pub async fn the_history_of_a_reused_number_is_that_of_its_owner(store: Orders) {
    let first = kept(&store, "A-1").await;
    store.delete(first.id, Expected::Any, &stamp(1)).await.expect("deleted");
    let second = kept(&store, "a-1").await;
    let events = store.history(&first.number, None, PageLimit::MAX).await.expect("the history");
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].order_id, second.id);
}

pub async fn the_last_owner_of_a_free_number_is_told_of(store: Orders) {
    let first = kept(&store, "A-1").await;
    let first = rename(&store, &first, "B-1").await;
    let second = kept(&store, "a-1").await;
    store.delete(second.id, Expected::Any, &stamp(2)).await.expect("deleted");
    // What happens to the first under its new number does not make it an owner of the old one again.
    store.update(&in_status(&first, OrderStatus::Packing), Expected::Any, &stamp(3)).await.expect("changed");
    let events = store.history(&second.number, None, PageLimit::MAX).await.expect("the history");
    assert!(events.iter().all(|event| event.order_id == second.id), "events of order {}: {events:?}", second.id);
    assert_eq!(story(&store, "A-1").await, ["created", "deleted"]);
}

pub async fn a_history_is_read_in_pieces(store: Orders) {
    let mut order = kept(&store, "A-1").await;
    for status in [OrderStatus::Picking, OrderStatus::Packing, OrderStatus::Shipped, OrderStatus::Delivered] {
        kept(&store, &format!("X-{status}")).await;
        order = store.update(&in_status(&order, status), Expected::Any, &stamp(1)).await.expect("changed");
    }
    let limit = PageLimit::new(2).expect("a limit");
    let mut read: Vec<provesi_core::OrderEvent> = Vec::new();
    for piece in [2, 2, 1, 0] {
        let after = read.last().map(|event| event.id);
        let events = store.history(&order.number, after, limit).await.expect("the history");
        assert_eq!(events.len(), piece);
        read.extend(events);
    }
    let of_order: Vec<_> = all_events(&store).await.into_iter().filter(|event| event.order_id == order.id).collect();
    assert_eq!(read, of_order);
}

pub async fn a_number_that_nobody_had_has_no_history(store: Orders) {
    kept(&store, "A-1").await;
    for number in ["A-2", "A", "A-11"] {
        let number: OrderNumber = number.parse().expect("a number");
        assert_eq!(store.history(&number, None, PageLimit::MAX).await.expect("the history"), []);
    }
}
