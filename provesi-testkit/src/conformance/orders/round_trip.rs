//! What goes in comes out.

use std::collections::HashSet;

use provesi_core::{Expected, NewOrder, Order, OrderRepositoryExt, OrderState, OrderStatus, Timestamp};

use crate::conformance::support::{Orders, assert_record};
use crate::data::{at, client_id, new_order, reason, stamp, state, with};

fn returned(number: &str, text: &str) -> NewOrder {
    let state = OrderState::new(OrderStatus::Returned, Some(reason(text)), at(3)).expect("with its reason");
    with(new_order(number), |it| {
        it.client_id = Some(client_id(u64::MAX));
        it.state = state;
    })
}

async fn comes_back(store: &Orders, given: NewOrder) -> Order {
    let kept = store.insert(&given, &stamp(0)).await.expect("kept");
    assert!(kept.id.get() > 0, "an id is greater than 0: {}", kept.id);
    assert_eq!(kept, given.with_id(kept.id));
    assert_record(store.get(kept.id).await, Some(&kept));
    assert_record(store.find_by_number(&kept.number).await, Some(&kept));
    kept
}

pub async fn every_field_comes_back_as_it_was_given(store: Orders) {
    let awkward = "Llegó roto: 'x\"; DROP TABLE orders; --\r\n\t%_\\ 漢字 📦 e\u{301}";
    comes_back(&store, returned("Ord-ABC-xyz-019", awkward)).await;
    for status in OrderStatus::ALL {
        let given = with(new_order(&format!("S-{status}")), |it| it.state = state(status));
        comes_back(&store, given).await;
    }
}

pub async fn the_longest_fields_come_back(store: Orders) {
    comes_back(&store, returned(&"Z".repeat(32), &"📦".repeat(2_000))).await;
}

pub async fn instants_come_back_to_the_microsecond(store: Orders) {
    let instants = ["1996-07-04T00:00:00Z", "1969-12-31T23:59:59.999999Z", "9999-12-31T23:59:59.999999Z"];
    for (number, instant) in instants.into_iter().enumerate() {
        let instant: Timestamp = instant.parse().expect("an instant");
        let state = OrderState::new(OrderStatus::Returned, Some(reason("x")), instant).expect("with its reason");
        let given = with(new_order(&format!("T-{number}")), |it| {
            it.created_at = instant;
            it.updated_at = instant;
            it.state = state;
        });
        comes_back(&store, given).await;
    }
}

pub async fn an_update_replaces_every_field(store: Orders) {
    let first = comes_back(&store, new_order("A-1")).await;
    let changed = with(returned("B-1", "roto").with_id(first.id), |it| it.created_at = at(77));
    let after = store.update(&changed, Expected::Any, &stamp(5)).await.expect("changed");
    // The instants of what is given do not count.
    assert_eq!(
        after,
        with(changed, |it| {
            it.created_at = at(0);
            it.updated_at = at(5);
        })
    );
    assert_record(store.get(first.id).await, Some(&after));
    assert_record(store.find_by_number(&first.number).await, None);
}

pub async fn ids_are_never_given_twice(store: Orders) {
    let mut given = HashSet::new();
    for round in 0..5 {
        let order = comes_back(&store, new_order(&format!("A-{round}"))).await;
        assert!(given.insert(order.id), "given again: the id of {order:?}");
        store.delete(order.id, Expected::Any, &stamp(1)).await.expect("deleted");
    }
}
