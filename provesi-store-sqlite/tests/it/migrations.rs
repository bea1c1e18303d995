//! The schema's versions.

use std::error::Error;

use provesi_core::{StoreAdmin, StoreError};
use provesi_store_sqlite::SqliteStore;

use crate::common::Fixture;

#[tokio::test]
async fn migrating_twice_or_at_once_is_migrating_once() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("new.db");
    let stores: Vec<SqliteStore> =
        futures_util::future::try_join_all((0..4).map(|_| SqliteStore::open_or_create(&path, 1))).await.unwrap();
    let all = ["clients orders history audit", "audit chain", "audit subjects beside the record", "entries"];
    assert_eq!(stores[0].pending_migrations().await.unwrap(), all);
    futures_util::future::try_join_all(stores.iter().map(SqliteStore::migrate)).await.unwrap();
    stores[0].migrate().await.unwrap();
    assert!(stores[0].pending_migrations().await.unwrap().is_empty());
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
