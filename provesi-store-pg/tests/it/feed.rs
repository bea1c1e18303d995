//! The feed beside transactions that are committed late.

use provesi_testkit::data::with;
use std::time::Duration;

use provesi_core::{OrderRepositoryExt, OrderStatus, PageLimit, StoreError};
use provesi_store_pg::PgStore;

use crate::common::{Fixture, begin, order, stamp};

async fn numbers(store: &PgStore) -> Vec<String> {
    let events = store.feed(None, PageLimit::MAX).await.unwrap();
    assert!(events.is_sorted_by(|a, b| a.id < b.id));
    events.iter().map(|event| event.number.to_string()).collect()
}

#[tokio::test]
async fn an_event_that_is_committed_late_is_not_skipped() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let (late, inside) = begin(store).await.unwrap();
    OrderRepositoryExt::insert(&inside, &order("Late", OrderStatus::Received), &stamp(1)).await.unwrap();
    // Others are not kept from writing.
    OrderRepositoryExt::insert(store, &order("Soon", OrderStatus::Received), &stamp(1)).await.unwrap();
    let waiting = {
        let store = store.clone();
        tokio::spawn(async move { numbers(&store).await })
    };
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!waiting.is_finished(), "the feed waits for the one that is late");
    OrderRepositoryExt::insert(store, &order("Later", OrderStatus::Received), &stamp(1)).await.unwrap();
    late.commit().await.unwrap();
    // What came after it was asked need not be among it.
    assert_eq!(waiting.await.unwrap()[..2], ["Late", "Soon"]);
    assert_eq!(numbers(store).await, ["Late", "Soon", "Later"]);
}

#[tokio::test]
async fn an_event_that_never_comes_is_not_waited_for() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let (late, inside) = begin(store).await.unwrap();
    OrderRepositoryExt::insert(&inside, &order("Never", OrderStatus::Received), &stamp(1)).await.unwrap();
    OrderRepositoryExt::insert(store, &order("Soon", OrderStatus::Received), &stamp(1)).await.unwrap();
    let refused = store.feed(None, PageLimit::MAX).await.unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable { .. }), "{refused:?}");
    assert_eq!(numbers(&inside).await, ["Never", "Soon"]);
    late.rollback().await.unwrap();
    assert_eq!(numbers(store).await, ["Soon"]);
}

#[tokio::test]
async fn a_change_that_waits_for_a_row_holds_nobody_up() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let made = OrderRepositoryExt::insert(store, &order("A", OrderStatus::Received), &stamp(1)).await.unwrap();
    // The Python system has the row, and takes its time.
    let mut theirs = store.pool().begin().await.unwrap();
    sqlx::query("UPDATE orders_order SET status = 'picking' WHERE id = $1")
        .bind(made.id.get())
        .execute(&mut *theirs)
        .await
        .unwrap();
    let waiting = {
        let (store, changed) = (store.clone(), with(made, |it| it.number = "B".parse().unwrap()));
        tokio::spawn(async move {
            OrderRepositoryExt::update(&store, &changed, provesi_core::Expected::Any, &stamp(2)).await
        })
    };
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(tokio::time::timeout(Duration::from_millis(200), numbers(store)).await.unwrap(), ["A"]);
    theirs.commit().await.unwrap();
    waiting.await.unwrap().unwrap();
    assert_eq!(numbers(store).await[..2], ["A", "B"]);
}

#[tokio::test]
async fn the_lock_is_taken_before_an_id_is_assigned() {
    let fixture = Fixture::new().await;
    let (transaction, inside) = begin(&fixture.store).await.unwrap();
    OrderRepositoryExt::insert(&inside, &order("A", OrderStatus::Received), &stamp(1)).await.unwrap();
    let held: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND mode = 'ShareLock' AND objsubid = 2 \
         AND pid = pg_backend_pid()",
    )
    .fetch_one(&mut *transaction.lock().await.unwrap())
    .await
    .unwrap();
    assert_eq!(held, 1);
}
