//! Taking a client off its orders.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;
use provesi_core::{EventKind, Order, OrderRepositoryExt, OrderStatus, StoreError};
use tokio::sync::Barrier;

use crate::conformance::support::{
    Orders, a_few_at_a_time, all_events, all_orders, assert_record, assert_records, story,
};
use crate::data::{at, client_id, in_status, new_order, stamp, version_of, with};

async fn kept(store: &Orders, number: &str, client: Option<u64>) -> Order {
    let given = with(new_order(number), |it| it.client_id = client.map(client_id));
    store.insert(&given, &stamp(0)).await.expect("kept")
}

/// Case.
pub async fn a_client_is_taken_off_its_orders_and_no_others(store: Orders) {
    let mine = [kept(&store, "A-1", Some(1)).await, kept(&store, "A-2", Some(1)).await];
    let others = [kept(&store, "B-1", Some(2)).await, kept(&store, "C-1", None).await];
    assert_eq!(store.detach_client(client_id(1), &stamp(5)).await.expect("detached"), 2);
    for order in mine {
        // No person changed it: the version moves by one millisecond and not to now.
        let expected = with(order.clone(), |it| {
            it.client_id = None;
            it.updated_at = at(1);
        });
        assert_record(store.get(order.id).await, Some(&expected));
        let event = store.history(&order.number, None, provesi_core::PageLimit::MAX).await.expect("the history").pop();
        let event = event.expect("an event");
        assert_eq!(event.kind, EventKind::ClientChanged { from: Some(client_id(1)), to: None });
        assert_eq!((event.at, event.actor), (at(5), stamp(5).actor));
    }
    for order in others {
        assert_record(store.get(order.id).await, Some(&order));
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
    assert_records(&all_orders(&store).await, &orders, "orders");
    assert_eq!(story(&store, "A-1").await, ["created", "client_changed"]);
}

/// Case.
pub async fn more_than_a_thousand_orders_are_detached(store: Orders) {
    let inserts = (0..1_100).map(|count| {
        let store = Arc::clone(&store);
        async move { kept(&store, &format!("A-{count}"), Some(1)).await }
    });
    a_few_at_a_time(inserts).await;
    assert_eq!(store.detach_client(client_id(1), &stamp(5)).await.expect("detached"), 1_100);
    assert_eq!(store.count_by_client(&[client_id(1)]).await.expect("counted")[&client_id(1)], 0);
    assert_eq!(all_events(&store).await.len(), 2_200);
}

/// Changes the status of an order until `detached` says so, each time only as it was read, and tells how often it did.
async fn keep_changing(store: Orders, mut order: Order, detached: Arc<AtomicBool>) -> (Order, usize) {
    // No more often, so that a store whose detach starts over at each change comes to its end.
    const MOST: usize = 50;
    for changes in 0..MOST {
        if detached.load(Ordering::SeqCst) {
            return (order, changes);
        }
        let status = [OrderStatus::Packing, OrderStatus::Shipped][changes % 2];
        order = loop {
            let current = store.get(order.id).await.expect("read").expect("there");
            assert_eq!(current.status(), order.status(), "what was accepted is there");
            match store.update(&in_status(&current, status), version_of(&current), &stamp(1)).await {
                Ok(changed) => break changed,
                Err(StoreError::VersionConflict) => {}
                Err(other) => panic!("{other:?}"),
            }
        };
        tokio::task::yield_now().await;
    }
    (order, MOST)
}

/// Case.
pub async fn a_detach_and_updates_at_once_lose_nothing(store: Orders) {
    const ORDERS: usize = 8;
    for round in 0..10 {
        let (start, detached) = (Arc::new(Barrier::new(ORDERS + 1)), Arc::new(AtomicBool::new(false)));
        let mut writers = Vec::new();
        for count in 0..ORDERS {
            let order = kept(&store, &format!("A-{round}-{count}"), Some(round)).await;
            let (store, start, detached) = (Arc::clone(&store), Arc::clone(&start), Arc::clone(&detached));
            writers.push(tokio::spawn(async move {
                start.wait().await;
                keep_changing(store, order, detached).await
            }));
        }
        start.wait().await;
        let count = store.detach_client(client_id(round), &stamp(1)).await.expect("detached");
        detached.store(true, Ordering::SeqCst);
        assert_eq!(count, ORDERS as u64);
        for writer in join_all(writers).await {
            let (last, changes) = writer.expect("the writer ends well");
            let order = store.get(last.id).await.expect("read").expect("there");
            assert_eq!((order.status(), order.client_id), (last.status(), None));
            let told = story(&store, order.number.as_str()).await;
            let times = |name| told.iter().filter(|told| **told == name).count();
            assert_eq!((times("status_changed"), times("client_changed")), (changes, 1), "{told:?}");
        }
    }
}
