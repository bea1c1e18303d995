//! Other writers on the same file.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use provesi_core::{
    ClientRepositoryExt, Expected, OrderListing, OrderRepository, OrderRepositoryExt, OrderStatus, PageLimit,
    PageRequest, StoreAdmin, StoreError,
};
use provesi_store_sqlite::SqliteStore;
use sqlx::Connection;

use crate::common::{Fixture, client, order, stamp};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_stores_on_one_file_under_load_never_meet_a_lock() {
    let fixture = Fixture::new().await;
    // What another process would have open.
    let other = SqliteStore::open(&fixture.path, 4).await.unwrap();
    let written = Arc::new(AtomicU64::new(0));
    let until = Instant::now() + Duration::from_secs(2);
    let mut tasks = Vec::new();
    for (name, store) in [("a", fixture.store.clone()), ("b", other.clone())] {
        for task in 0..16 {
            let (store, written) = (store.clone(), Arc::clone(&written));
            tasks.push(tokio::spawn(async move {
                for n in 0.. {
                    if Instant::now() > until {
                        break;
                    }
                    let new = order(&format!("{name}-{task}-{n}"), OrderStatus::Received);
                    let made = OrderRepositoryExt::insert(&store, &new, &stamp(1)).await?;
                    let read = OrderRepositoryExt::get(&store, made.id).await?;
                    assert_eq!(read, Some(made.clone()), "an acknowledged write is seen at once");
                    if n % 5 == 0 {
                        OrderRepositoryExt::delete(&store, made.id, Expected::Any, &stamp(2)).await?;
                    }
                    written.fetch_add(1, Ordering::Relaxed);
                }
                Ok::<(), StoreError>(())
            }));
        }
        for _ in 0..4 {
            let store = store.clone();
            tasks.push(tokio::spawn(async move {
                while Instant::now() < until {
                    let request = PageRequest::first(PageLimit::MAX);
                    OrderRepository::page(&store, &OrderListing::default(), &request).await?;
                    store.feed(None, PageLimit::MAX).await?;
                }
                Ok(())
            }));
        }
    }
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert!(written.load(Ordering::Relaxed) > 100);
    other.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lock_that_is_kept_is_unavailable_and_leaves_nothing_behind() {
    let fixture = Fixture::new().await;
    let mut raw = fixture.raw().await;
    let held = raw.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let refused = ClientRepositoryExt::insert(&fixture.store, &client(1)).await.unwrap_err();
    assert!(matches!(refused, StoreError::Unavailable { .. }), "{refused:?}");
    assert!(refused.is_transient());
    held.rollback().await.unwrap();
    assert_eq!(ClientRepositoryExt::get(&fixture.store, client(1).id).await.unwrap(), None);
    ClientRepositoryExt::insert(&fixture.store, &client(1)).await.unwrap();
}
