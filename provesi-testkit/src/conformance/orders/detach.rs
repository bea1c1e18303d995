//! Taking a client off its orders.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::join_all;
use provesi_core::{Order, OrderRepositoryExt, OrderStatus, StoreError};
use tokio::sync::Barrier;

use crate::conformance::support::{Orders, story};
use crate::data::{client_id, in_status, new_order, stamp, version_of, with};

async fn kept(store: &Orders, number: &str, client: Option<u64>) -> Order {
    let given = with(new_order(number), |it| it.client_id = client.map(client_id));
    store.insert(&given, &stamp(0)).await.expect("kept")
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
