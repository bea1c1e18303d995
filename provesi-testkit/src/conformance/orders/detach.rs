//! Taking a client off its orders.

use std::sync::Arc;

use provesi_core::{EventKind, NewOrder, Order};

use crate::conformance::support::{Orders, all_events, all_orders, story};
use crate::data::{at, client_id, new_order, stamp};

async fn kept(store: &Orders, number: &str, client: Option<u64>) -> Order {
    let given = NewOrder { client_id: client.map(client_id), ..new_order(number) };
    store.insert(&given, &stamp(0)).await.expect("kept")
}

/// Case.
pub async fn a_client_is_taken_off_its_orders_and_no_others(store: Orders) {
    let mine = [kept(&store, "A-1", Some(1)).await, kept(&store, "A-2", Some(1)).await];
    let others = [kept(&store, "B-1", Some(2)).await, kept(&store, "C-1", None).await];
    assert_eq!(store.detach_client(client_id(1), &stamp(5)).await.expect("detached"), 2);
    for order in mine {
        let expected = Order { client_id: None, updated_at: at(5), ..order.clone() };
        assert_eq!(store.get(order.id).await.expect("read"), Some(expected));
        let event = store.history(&order.number, None, provesi_core::PageLimit::MAX).await.expect("the history").pop();
        let event = event.expect("an event");
        assert_eq!(event.kind, EventKind::ClientChanged { from: Some(client_id(1)), to: None });
        assert_eq!((event.at, event.actor), (at(5), stamp(5).actor));
    }
    for order in others {
        assert_eq!(store.get(order.id).await.expect("read"), Some(order));
    }
}

/// Case.
pub async fn a_second_detach_finds_nothing(store: Orders) {
    kept(&store, "A-1", Some(1)).await;
    assert_eq!(store.detach_client(client_id(1), &stamp(0)).await.expect("detached"), 1);
    let orders = all_orders(&store).await;
    // The clock has not moved, and the version has.
    assert_eq!(orders[0].updated_at, at(1));
    assert_eq!(store.detach_client(client_id(1), &stamp(9)).await.expect("nothing to do"), 0);
    assert_eq!(store.detach_client(client_id(8), &stamp(9)).await.expect("nothing to do"), 0);
    assert_eq!(all_orders(&store).await, orders);
    assert_eq!(story(&store, "A-1").await, ["created", "client_changed"]);
}

/// Case.
pub async fn more_than_a_thousand_orders_are_detached(store: Orders) {
    let inserts = (0..1_100).map(|count| {
        let store = Arc::clone(&store);
        async move { kept(&store, &format!("A-{count}"), Some(1)).await }
    });
    futures_util::future::join_all(inserts).await;
    assert_eq!(store.detach_client(client_id(1), &stamp(5)).await.expect("detached"), 1_100);
    assert_eq!(store.count_by_client(&[client_id(1)]).await.expect("counted")[&client_id(1)], 0);
    assert_eq!(all_events(&store).await.len(), 2_200);
}
