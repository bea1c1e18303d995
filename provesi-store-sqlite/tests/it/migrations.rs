//! The schema's versions.

use std::error::Error;

use futures_util::TryStreamExt;
use provesi_core::{
    Direction, Order, OrderFilter, OrderListing, OrderRepositoryExt, OrderSort, StoreAdmin, StoreError,
};
use provesi_store_sqlite::SqliteStore;

use crate::audit::old_file;
use crate::common::Fixture;

#[tokio::test]
async fn migrating_twice_or_at_once_is_migrating_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new.db");
    let stores: Vec<SqliteStore> =
        futures_util::future::try_join_all((0..4).map(|_| SqliteStore::open_or_create(&path, 1))).await.unwrap();
    let all = [
        "clients orders history audit",
        "audit chain",
        "audit subjects beside the record",
        "entries",
        "returns without a date",
    ];
    assert_eq!(stores[0].pending_migrations().await.unwrap(), all);
    futures_util::future::try_join_all(stores.iter().map(SqliteStore::migrate)).await.unwrap();
    stores[0].migrate().await.unwrap();
    assert!(stores[0].pending_migrations().await.unwrap().is_empty());
}

#[tokio::test]
async fn returns_are_sorted_anew_whatever_rules_the_rows_of_the_file_break() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("old.db");
    let before = [
        include_str!("../../migrations/0001_clients_orders_history_audit.sql"),
        include_str!("../../migrations/0002_audit_chain.sql"),
        include_str!("../../migrations/0003_audit_subjects_beside_the_record.sql"),
        include_str!("../../migrations/0004_entries.sql"),
    ];
    let rows = "PRAGMA ignore_check_constraints = ON; \
        INSERT INTO orders (id, order_number, number_folded, status, return_reason, returned_at, created_at, updated_at) \
        VALUES (1, 'A-1', 'a-1', 'returned', 'roto', 5, 0, 9), (2, 'A-2', 'a-2', 'returned', NULL, NULL, 0, 8), \
            (3, 'A-3', 'a-3', 'received', NULL, NULL, 0, 7), (4, 'A-4', 'a-4', 'lost', NULL, NULL, 0, 6); \
        PRAGMA ignore_check_constraints = OFF";
    let mut raw = old_file(&path, &before, rows).await;
    let store = SqliteStore::open(&path, 1).await.unwrap();
    store.migrate().await.unwrap();
    let listing = OrderListing::new(OrderFilter::default(), OrderSort::ReturnedAt, Direction::Descending);
    let orders: Vec<Order> = OrderRepositoryExt::stream(&store, &listing).try_collect().await.unwrap();
    assert_eq!(orders.iter().map(|order| order.id.get()).collect::<Vec<_>>(), [2, 1, 3]);
    store.close().await;
    assert!(sqlx::query("UPDATE orders SET status = 'lost' WHERE id = 1").execute(&mut raw).await.is_err());
}

#[tokio::test]
async fn a_file_that_a_newer_version_migrated_is_refused_and_left_alone() {
    let fixture = Fixture::new().await;
    let mut raw = fixture.raw().await;
    sqlx::query(
        "INSERT INTO _provesi_migrations (version, description, success, checksum, execution_time) \
         VALUES (999, 'of tomorrow', true, x'00', 0)",
    )
    .execute(&mut raw)
    .await
    .unwrap();
    for refused in [fixture.store.migrate().await, fixture.store.pending_migrations().await.map(drop)] {
        let refused = refused.unwrap_err();
        assert!(matches!(refused, StoreError::Backend { .. }), "{refused:?}");
        let said = refused.source().unwrap().to_string();
        assert!(said.contains("newer version") && said.contains("999"), "{said}");
    }
}

#[tokio::test]
async fn a_file_whose_schema_is_not_ours_under_our_number_is_refused() {
    let fixture = Fixture::new().await;
    sqlx::query("UPDATE _provesi_migrations SET checksum = x'00'").execute(&mut fixture.raw().await).await.unwrap();
    assert!(matches!(fixture.store.migrate().await, Err(StoreError::Backend { .. })));
}
