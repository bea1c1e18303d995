//! A server that hangs, and one that goes away and comes back.

use std::time::{Duration, Instant};

use provesi_core::{
    ClientRepositoryExt, Order, OrderRepository, OrderRepositoryExt, OrderStatus, StoreAdmin, StoreError,
};
use provesi_store_pg::PgStore;
use provesi_testkit::servers::{OwnServer, wanted};

use crate::common::{client_id, order, stamp};

const CONNECTIONS: u32 = 4;

/// Three times as many calls at once as there are connections, a write among them.
async fn calls(store: &PgStore, made: &Order) -> Vec<Result<(), StoreError>> {
    let calls = (0..3 * CONNECTIONS).map(|n| async move {
        match n % 4 {
            0 => OrderRepositoryExt::get(store, made.id).await.map(drop),
            1 => ClientRepositoryExt::get(store, client_id(1)).await.map(drop),
            2 => OrderRepository::ping(store).await,
            _ => store.detach_client(client_id(9), &stamp(2)).await.map(drop),
        }
    });
    futures_util::future::join_all(calls).await
}

async fn assert_unavailable_soon(store: &PgStore, made: &Order) {
    let start = Instant::now();
    for answer in calls(store, made).await {
        assert!(matches!(answer, Err(StoreError::Unavailable { .. })), "{answer:?}");
    }
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
}

async fn assert_well_soon(store: &PgStore, made: &Order) {
    let start = Instant::now();
    for answer in calls(store, made).await {
        answer.unwrap();
    }
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_server_that_hangs_or_is_restarted_is_unavailable_soon_and_needs_no_restart_of_ours() {
    if !wanted("postgres") {
        return;
    }
    let server = OwnServer::postgres().start().await;
    let database = server.database().await;
    let store = PgStore::open(database.url(), CONNECTIONS).unwrap();
    store.migrate().await.unwrap();
    let made = OrderRepositoryExt::insert(&store, &order("A-1", OrderStatus::Received), &stamp(1)).await.unwrap();
    assert_well_soon(&store, &made).await;

    let frozen = server.freeze().await;
    assert_unavailable_soon(&store, &made).await;
    // The connections that were in use are closed a little later, though the server says nothing: the pool is free.
    let start = Instant::now();
    while store.pool().size() > 0 {
        assert!(start.elapsed() < Duration::from_secs(5), "{} connections wait", store.pool().size());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    frozen.thaw().await;
    assert_well_soon(&store, &made).await;
    assert_eq!(store.pool().size(), CONNECTIONS);

    server.crash().await;
    assert_unavailable_soon(&store, &made).await;
    server.start().await;
    assert_well_soon(&store, &made).await;
    assert_eq!(OrderRepositoryExt::get(&store, made.id).await.unwrap(), Some(made));
}
