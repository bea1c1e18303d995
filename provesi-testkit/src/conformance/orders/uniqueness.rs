//! One order for each number, whatever the letter case.

use provesi_core::{Expected, Order, OrderRepositoryExt, StoreError, UniqueField};

use crate::conformance::support::{Orders, all_orders, assert_record, assert_records, assert_refused, story};
use crate::data::{new_order, stamp, with};

async fn kept(store: &Orders, number: &str) -> Order {
    store.insert(&new_order(number), &stamp(0)).await.expect("kept")
}

fn renamed(order: &Order, number: &str) -> Order {
    with(order.clone(), |it| it.number = number.parse().expect("a number"))
}

pub async fn a_number_is_taken_in_any_letter_case_at_insert(store: Orders) {
    let first = kept(&store, "Ord-1x").await;
    for number in ["Ord-1x", "ord-1x", "ORD-1X", "oRD-1X"] {
        let refused = store.insert(&new_order(number), &stamp(1)).await;
        assert_refused!(refused, StoreError::AlreadyExists { field: UniqueField::OrderNumber });
    }
    assert_records(&all_orders(&store).await, &[first], "orders");
    assert_eq!(story(&store, "ORD-1X").await, ["created"]);
}

pub async fn a_number_is_taken_in_any_letter_case_at_update(store: Orders) {
    let (first, second) = (kept(&store, "A-1").await, kept(&store, "B-1").await);
    for number in ["A-1", "a-1"] {
        let refused = store.update(&renamed(&second, number), Expected::Any, &stamp(5)).await;
        assert_refused!(refused, StoreError::AlreadyExists { field: UniqueField::OrderNumber });
    }
    assert_record(store.get(second.id).await, Some(&second));
    assert_record(store.get(first.id).await, Some(&first));
    assert_eq!(story(&store, "b-1").await, ["created"]);
}

pub async fn the_own_number_may_change_its_letter_case(store: Orders) {
    let first = kept(&store, "ord-1").await;
    let after = store.update(&renamed(&first, "ORD-1"), first.version().into(), &stamp(5)).await.expect("changed");
    assert_eq!(after.number.as_str(), "ORD-1");
    assert_record(store.get(first.id).await, Some(&after));
    assert_eq!(story(&store, "ord-1").await, ["created", "renumbered"]);
}

pub async fn a_deleted_or_renamed_order_frees_its_number(store: Orders) {
    let (first, second) = (kept(&store, "A-1").await, kept(&store, "B-1").await);
    store.delete(first.id, Expected::Any, &stamp(1)).await.expect("deleted");
    store.update(&renamed(&second, "C-1"), Expected::Any, &stamp(1)).await.expect("renamed");
    let (third, fourth) = (kept(&store, "a-1").await, kept(&store, "b-1").await);
    assert_record(store.find_by_number(&first.number).await, Some(&third));
    assert_record(store.find_by_number(&second.number).await, Some(&fourth));
}
