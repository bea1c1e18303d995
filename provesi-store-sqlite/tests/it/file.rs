//! A file that is moved, deleted or replaced while it is open.

use std::path::Path;

use provesi_core::{ClientRepository, OrderRepository, OrderStatus, StoreError};
use provesi_store_sqlite::SqliteStore;

use crate::common::{Fixture, order, stamp};

/// The file with what SQLite keeps beside it.
fn rename(from: &Path, to: &Path) {
    for beside in ["", "-wal", "-shm"] {
        let with = |path: &Path| format!("{}{beside}", path.display());
        std::fs::rename(with(from), with(to)).unwrap();
    }
}

async fn insert(store: &SqliteStore, number: &str) -> Result<(), StoreError> {
    OrderRepository::insert(store, &order(number, OrderStatus::Received), &stamp(0)).await.map(drop)
}

async fn is_refused(store: &SqliteStore, number: &str) {
    for down in [insert(store, number).await, OrderRepository::ping(store).await, ClientRepository::ping(store).await] {
        assert!(matches!(down, Err(StoreError::Degraded { reason: "file deleted", .. })), "{down:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_write_is_acknowledged_that_would_be_gone_with_a_moved_file() {
    let fixture = Fixture::new().await;
    insert(&fixture.store, "A-1").await.unwrap();
    let away = fixture.path.with_extension("away");
    rename(&fixture.path, &away);
    is_refused(&fixture.store, "A-2").await;
    rename(&away, &fixture.path);
    insert(&fixture.store, "A-3").await.unwrap();
    OrderRepository::ping(&fixture.store).await.unwrap();
    assert_eq!(fixture.store.feed(None, provesi_core::PageLimit::MAX).await.unwrap().len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_in_the_place_of_the_open_one_is_neither_written_nor_read() {
    let fixture = Fixture::new().await;
    insert(&fixture.store, "A-1").await.unwrap();
    let other = Fixture::new().await;
    insert(&other.store, "B-1").await.unwrap();
    other.store.close().await;
    rename(&fixture.path, &fixture.path.with_extension("away"));
    std::fs::copy(&other.path, &fixture.path).unwrap();
    is_refused(&fixture.store, "A-2").await;
    let number = "B-1".parse().unwrap();
    let reads: Vec<_> = (0..64)
        .map(|_| {
            let (store, number) = (fixture.store.clone(), "B-1".parse().unwrap());
            tokio::spawn(async move { store.find_by_number(&number).await })
        })
        .collect();
    for read in reads {
        assert!(!matches!(read.await.unwrap(), Ok(Some(_))));
    }
    // A new store has the new file.
    let new = SqliteStore::open(&fixture.path, 2).await.unwrap();
    assert!(new.find_by_number(&number).await.unwrap().is_some());
    insert(&new, "B-2").await.unwrap();
}
