//! A file that can be read and not written.

use std::path::Path;
use std::time::Duration;

use provesi_core::{OrderRepository, OrderStatus, PageLimit, StoreError};
use provesi_store_sqlite::{SqliteStore, reader_options, reader_pool_options, writer_options, writer_pool_options};
use sqlx::Connection;

use crate::common::{Fixture, order, stamp};

async fn insert(store: &SqliteStore, number: &str) -> Result<(), StoreError> {
    OrderRepository::insert(store, &order(number, OrderStatus::Received), &stamp(0)).await.map(drop)
}

fn assert_degraded(result: Result<(), StoreError>, expected: &str) {
    match result {
        Err(StoreError::Degraded { reason, .. }) => assert_eq!(reason, expected),
        other => panic!("expected a degraded store, got {other:?}"),
    }
}

/// The store over a file that exists, whose writer runs this pragma first.
async fn open_with(path: &Path, pragma: &'static str, value: String) -> SqliteStore {
    let writer = writer_pool_options().connect_with(writer_options(path).pragma(pragma, value)).await.unwrap();
    SqliteStore::new(writer, reader_pool_options(2).connect_lazy_with(reader_options(path)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_writes_is_remembered_and_found_to_be_gone() {
    let fixture = Fixture::new().await;
    insert(&fixture.store, "A-1").await.unwrap();
    fixture.store.close().await;
    let mut raw = fixture.raw().await;
    sqlx::query("CREATE TABLE filler AS SELECT zeroblob(1000000) AS filler").execute(&mut raw).await.unwrap();
    let pages: i64 = sqlx::query_scalar("PRAGMA page_count").fetch_one(&mut raw).await.unwrap();
    raw.close().await.unwrap();
    let store = open_with(&fixture.path, "max_page_count", pages.to_string()).await;
    OrderRepository::ping(&store).await.unwrap();
    let mut number = 0;
    let refused = loop {
        number += 1;
        match insert(&store, &format!("F-{number}")).await {
            Ok(()) => assert!(number < 1_000, "the file has room for no more"),
            refused => break refused,
        }
    };
    assert_degraded(refused, "disk full");
    for _ in 0..5 {
        assert_degraded(OrderRepository::ping(&store).await, "disk full");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let events = store.feed(None, PageLimit::MAX).await.unwrap();
    assert_eq!(events.len(), number, "reads go on, and the refused order left no event");
    sqlx::query("DROP TABLE filler").execute(&mut fixture.raw().await).await.unwrap();
    let mut is_well = false;
    for _ in 0..200 {
        is_well = OrderRepository::ping(&store).await.is_ok();
        if is_well {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    assert!(is_well, "the probe finds room without any write of a caller");
    insert(&store, "LAST").await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_may_not_be_written_is_degraded() {
    let fixture = Fixture::new().await;
    insert(&fixture.store, "A-1").await.unwrap();
    let store = open_with(&fixture.path, "query_only", "ON".to_owned()).await;
    assert_degraded(insert(&store, "A-2").await, "read-only");
    assert_degraded(OrderRepository::ping(&store).await, "read-only");
    assert_eq!(store.feed(None, PageLimit::MAX).await.unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_page_is_degraded() {
    let fixture = Fixture::new().await;
    for number in 0..200 {
        insert(&fixture.store, &format!("A-{number}")).await.unwrap();
    }
    fixture.store.close().await;
    let root: i64 = sqlx::query_scalar("SELECT rootpage FROM sqlite_schema WHERE name = 'orders'")
        .fetch_one(&mut fixture.raw().await)
        .await
        .unwrap();
    let mut file = std::fs::read(&fixture.path).unwrap();
    let end = usize::try_from(root).unwrap() * 4_096;
    file[end - 4_096..end].fill(0xa5);
    std::fs::write(&fixture.path, file).unwrap();
    let store = SqliteStore::open(&fixture.path, 1).await.unwrap();
    assert_degraded(insert(&store, "B-1").await, "corrupt");
    assert_degraded(OrderRepository::ping(&store).await, "corrupt");
}
