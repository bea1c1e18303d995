//! Writes that share a transaction, and callers who do not wait.

use provesi_testkit::data::with;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use provesi_core::{
    ClientFilter, ClientRepository, ClientRepositoryExt, EventKind, Expected, NewOrder, OrderFilter, OrderId, OrderKey,
    OrderListing, OrderRepository, OrderRepositoryExt, OrderState, OrderStatus, OrderWrite, PageLimit, PageRequest,
    StoreAdmin, StoreError, UniqueField,
};
use sqlx::Connection;

use crate::common::{Fixture, client, order, stamp};

#[tokio::test(flavor = "multi_thread")]
async fn writes_that_fail_do_not_disturb_those_that_they_are_committed_with() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let stamp = stamp(1);
    let orders: Vec<_> = (0..200).map(|n| order(&format!("N-{}", n % 100), OrderStatus::Received)).collect();
    let orders = join_all(orders.iter().map(|order| async { OrderRepositoryExt::insert(store, order, &stamp).await }));
    let clients: Vec<_> = (0..60_u8).map(|n| with(client(n), |it| it.email = client(n % 20).email)).collect();
    let clients = join_all(clients.iter().map(|client| async { ClientRepositoryExt::insert(store, client).await }));
    let gone = join_all((0..50).map(|_| OrderRepositoryExt::delete(store, OrderId::new(999), Expected::Any, &stamp)));
    let (orders, clients, gone) = tokio::join!(orders, clients, gone);

    assert_eq!(orders.iter().filter(|result| result.is_ok()).count(), 100);
    for refused in orders.iter().filter_map(|result| result.as_ref().err()) {
        assert!(matches!(refused, StoreError::AlreadyExists { field: UniqueField::OrderNumber }), "{refused:?}");
    }
    assert_eq!(clients.iter().filter(|result| result.is_ok()).count(), 20);
    assert!(gone.iter().all(|result| matches!(result, Err(StoreError::NotFound))));
    assert_eq!(store.count_all(&OrderFilter::default()).await.unwrap(), 100);
    assert_eq!(ClientRepository::count(store, &ClientFilter::default()).await.unwrap(), 20);
    let feed = store.feed(None, PageLimit::MAX).await.unwrap();
    assert_eq!(feed.len(), 100);
    assert!(feed.is_sorted_by(|a, b| a.id < b.id));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_the_database_itself_refuses_does_not_disturb_the_others_either() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    sqlx::raw_sql(
        "CREATE TRIGGER refuse BEFORE INSERT ON orders WHEN new.number_folded = 'n-13' \
         BEGIN SELECT RAISE(ABORT, 'no'); END",
    )
    .execute(&mut fixture.raw().await)
    .await
    .unwrap();
    let orders: Vec<NewOrder> = (0..50).map(|n| order(&format!("N-{n}"), OrderStatus::Received)).collect();
    let stamp = stamp(1);
    let results = join_all(orders.iter().map(|order| OrderRepositoryExt::insert(store, order, &stamp))).await;
    for (n, result) in results.into_iter().enumerate() {
        match result {
            Err(StoreError::Backend { .. }) if n == 13 => {}
            result => assert_eq!(result.unwrap().number.as_str(), format!("N-{n}")),
        }
    }
    assert_eq!(store.count_all(&OrderFilter::default()).await.unwrap(), 49);
    assert_eq!(store.feed(None, PageLimit::MAX).await.unwrap().len(), 49);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_insert_is_there_as_a_whole_or_not_at_all() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let inserts = (0..500_u64).map(|n| async move {
        let order = order(&format!("D-{n}"), OrderStatus::Received);
        let stamp = stamp(1);
        let insert = OrderRepositoryExt::insert(store, &order, &stamp);
        tokio::time::timeout(Duration::from_micros(n * 20), insert).await.is_ok()
    });
    let waited = join_all(inserts).await.into_iter().filter(|waited| *waited).count();
    // Behind all of them in the queue.
    OrderRepositoryExt::insert(store, &order("LAST", OrderStatus::Received), &stamp(1)).await.unwrap();
    let kept = store.count_all(&OrderFilter::default()).await.unwrap();
    assert!(kept >= waited as u64, "{kept} are kept, {waited} were waited for");
    assert_eq!(store.feed(None, PageLimit::MAX).await.unwrap().len() as u64, kept);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_its_caller_withdrew_before_it_began_is_never_run() {
    let fixture = Fixture::new().await;
    let mut raw = fixture.raw().await;
    let held = raw.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let (withdrawn, made) = (order("GONE", OrderStatus::Received), stamp(1));
    let insert = OrderRepositoryExt::insert(&fixture.store, &withdrawn, &made);
    tokio::time::timeout(Duration::from_millis(100), insert).await.unwrap_err();
    let queued = ClientRepositoryExt::insert(&fixture.store, &client(1)).now_or_never();
    assert!(queued.is_none(), "it is queued and dropped");
    held.rollback().await.unwrap();
    OrderRepositoryExt::insert(&fixture.store, &order("NEXT", OrderStatus::Received), &stamp(1)).await.unwrap();
    assert_eq!(fixture.store.count_all(&OrderFilter::default()).await.unwrap(), 1);
    assert_eq!(ClientRepository::count(&fixture.store, &ClientFilter::default()).await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_written_before_the_store_is_closed_and_nothing_after() {
    let fixture = Fixture::new().await;
    let orders: Vec<NewOrder> = (0..100).map(|n| order(&format!("C-{n}"), OrderStatus::Received)).collect();
    let made = stamp(1);
    let inserts = join_all(orders.iter().map(|order| OrderRepositoryExt::insert(&fixture.store, order, &made)));
    // Polled in this order: all inserts are in the queue before the end is.
    let (inserted, ()) = tokio::join!(biased; inserts, fixture.store.close());
    assert!(inserted.iter().all(Result::is_ok), "{inserted:?}");
    let refused = ClientRepositoryExt::insert(&fixture.store, &client(1)).await.unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable { .. }), "{refused:?}");
    assert!(matches!(OrderRepository::ping(&fixture.store).await, Err(StoreError::Unavailable { .. })));
    assert!(!fixture.path.with_extension("db-wal").exists(), "the write-ahead log is in the file");
    let mut raw = fixture.raw().await;
    let orders: i64 = sqlx::query_scalar("SELECT count(*) FROM orders").fetch_one(&mut raw).await.unwrap();
    assert_eq!(orders, 100);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_of_a_number_is_that_of_who_had_it_last() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let insert = async |number: &str| {
        OrderRepositoryExt::insert(store, &order(number, OrderStatus::Received), &stamp(1)).await.unwrap()
    };
    let renumber = async |order: &provesi_core::Order, number: &str| {
        let order = with(order.clone(), |it| it.number = number.parse().unwrap());
        OrderRepositoryExt::update(store, &order, Expected::Any, &stamp(2)).await.unwrap()
    };
    let first = renumber(&insert("A").await, "B").await;
    let second = renumber(&insert("a").await, "C").await;
    OrderRepositoryExt::delete(store, second.id, Expected::Any, &stamp(3)).await.unwrap();
    let history = async |number: &str| store.history(&number.parse().unwrap(), None, PageLimit::MAX).await.unwrap();
    assert!(history("A").await.iter().all(|event| event.order_id == second.id));
    assert!(matches!(history("c").await.last().unwrap().kind, EventKind::Deleted { .. }));
    // Back to the first order, which has it now.
    renumber(&first, "a").await;
    assert_eq!(history("A").await.len(), 3);
    assert!(history("A").await.iter().all(|event| event.order_id == first.id));
    assert_eq!(history("b").await.len(), 3);
    assert_eq!(history("never").await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_with_more_orders_than_one_transaction_takes_is_detached_from_all() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let orders: Vec<NewOrder> = (0..1_234).map(|n| order(&format!("T-{n}"), OrderStatus::Received)).collect();
    let made = stamp(1);
    join_all(orders.iter().map(|order| OrderRepositoryExt::insert(store, order, &made))).await;
    let id = client(7).id;
    assert_eq!(store.detach_client(id, &stamp(5)).await.unwrap(), 1_234);
    assert_eq!(store.detach_client(id, &stamp(6)).await.unwrap(), 0);
    let request = PageRequest::first(PageLimit::new(1).unwrap());
    let page = OrderRepository::page(store, &OrderListing::default(), &request).await.unwrap();
    // No person changed them: the version moves by one millisecond.
    assert_eq!(page.items[0].updated_at.micros(), orders[0].updated_at.micros() + 1_000);
    let kept: i64 = sqlx::query_scalar("SELECT count(*) FROM order_events WHERE type = 'client_changed'")
        .fetch_one(&mut fixture.raw().await)
        .await
        .unwrap();
    assert_eq!(kept, 1_234);
}

#[tokio::test]
async fn a_foreign_change_that_keeps_updated_at_is_a_conflict() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let made = OrderRepositoryExt::insert(store, &order("T-1", OrderStatus::Received), &stamp(1)).await.unwrap();
    let read = OrderRepositoryExt::load(store, OrderKey::Id(made.id)).await.unwrap().unwrap();
    sqlx::query("UPDATE orders SET status = 'shipped'").execute(&mut fixture.raw().await).await.unwrap();
    let state = OrderState::new(OrderStatus::Packing, None, made.updated_at).unwrap();
    let after = made.with_content(with(made.clone(), |it| it.state = state), stamp(2).at).unwrap();
    let refused = OrderRepositoryExt::commit_one(store, OrderWrite::replace(read, after, stamp(2))).await;
    assert!(matches!(refused, Err(StoreError::VersionConflict)), "{refused:?}");
    // The version that callers hold has changed, too.
    let stored = OrderRepositoryExt::get(store, made.id).await.unwrap().unwrap();
    assert_eq!((stored.status(), stored.updated_at), (OrderStatus::Shipped, made.updated_at));
    assert_ne!(stored.version(), made.version());
}
