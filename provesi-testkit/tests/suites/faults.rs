use std::sync::Arc;

use futures_util::{FutureExt, StreamExt, TryStreamExt};
use provesi_core::{OrderListing, OrderRepository, OrderRepositoryExt, StoreError};
use provesi_testkit::data::{new_order, stamp};
use provesi_testkit::{Call, Fault, Faults, FaultyStore, MemoryStore};

fn store() -> (MemoryStore, Arc<dyn OrderRepository>, Faults) {
    let inner = MemoryStore::new();
    let (store, faults) = FaultyStore::new(inner.clone());
    (inner, Arc::new(store), faults)
}

async fn kept(inner: &MemoryStore) -> u64 {
    OrderRepositoryExt::count_all(inner, &OrderListing::default().filter).await.unwrap()
}

#[tokio::test]
async fn a_call_that_fails_before_did_nothing_and_one_that_fails_after_did_its_work() {
    let (inner, store, faults) = store();
    faults.arm(Call::Commit, Fault::FailBefore, 1);
    let failed = store.insert(&new_order("A-1"), &stamp(0)).await;
    assert!(matches!(failed, Err(StoreError::Unavailable { .. })), "{failed:?}");
    assert_eq!(kept(&inner).await, 0);
    faults.arm(Call::Commit, Fault::FailAfter, 1);
    let failed = store.insert(&new_order("A-1"), &stamp(0)).await;
    assert!(matches!(failed, Err(StoreError::OutcomeUnknown { .. })), "{failed:?}");
    assert_eq!(kept(&inner).await, 1);
    faults.arm(Call::Commit, Fault::Degrade, 1);
    let failed = store.insert(&new_order("A-2"), &stamp(0)).await;
    assert!(matches!(failed, Err(StoreError::Degraded { .. })), "{failed:?}");
    faults.arm(Call::Events, Fault::FailAfter, 1);
    let failed = store.feed(None, provesi_core::PageLimit::MAX).await;
    assert!(matches!(failed, Err(StoreError::Unavailable { .. })), "{failed:?}");
    assert_eq!(kept(&inner).await, 1);
    store.insert(&new_order("A-2"), &stamp(0)).await.unwrap();
}

#[tokio::test]
async fn all_calls_fail_until_the_faults_are_cleared() {
    let (_, store, faults) = store();
    faults.fail_all();
    assert!(store.ping().await.is_err());
    assert!(store.stream(&OrderListing::default()).next().await.unwrap().is_err());
    faults.clear();
    store.ping().await.unwrap();
    faults.arm(Call::Ping, Fault::Break, 1);
    let broken = store.ping().await;
    assert!(matches!(broken, Err(StoreError::Backend { .. })), "{broken:?}");
}

#[tokio::test]
async fn a_stream_fails_with_the_page_that_fails() {
    let (_, store, faults) = store();
    for number in 0..1_001 {
        store.insert(&new_order(&format!("A-{number}")), &stamp(0)).await.unwrap();
    }
    faults.arm_after(Call::Page, Fault::FailAfter, 1);
    let items: Vec<_> = store.stream(&OrderListing::default()).collect().await;
    assert!(matches!(&items[999..], [Ok(_), Err(StoreError::Unavailable { .. })]), "{} items", items.len());
    faults.clear();
    assert_eq!(store.stream(&OrderListing::default()).try_collect::<Vec<_>>().await.unwrap().len(), 1_001);
}

#[tokio::test]
async fn a_call_that_stalls_goes_on_when_it_is_let_go() {
    let (inner, store, faults) = store();
    faults.stall(Call::Commit);
    let call = tokio::spawn(async move { store.insert(&new_order("A-1"), &stamp(0)).await });
    faults.stalled().await;
    assert!(!call.is_finished());
    assert_eq!(kept(&inner).await, 0);
    faults.clear();
    call.await.unwrap().unwrap();
    assert_eq!(kept(&inner).await, 1);
}

#[tokio::test]
async fn a_stream_stalls_at_its_first_poll_until_it_is_let_go() {
    let (_, store, faults) = store();
    store.insert(&new_order("A-1"), &stamp(0)).await.unwrap();
    faults.stall(Call::Page);
    let stream = store.stream(&OrderListing::default());
    assert!(faults.stalled().now_or_never().is_none(), "nobody has polled it");
    let items = tokio::spawn(stream.try_collect::<Vec<_>>());
    faults.stalled().await;
    assert!(!items.is_finished());
    faults.clear();
    assert_eq!(items.await.unwrap().unwrap().len(), 1);
    // Cleared before the first poll, the fault is gone.
    faults.stall(Call::Page);
    let stream = store.stream(&OrderListing::default());
    faults.clear();
    assert_eq!(stream.try_collect::<Vec<_>>().now_or_never().unwrap().unwrap().len(), 1);
}

#[tokio::test]
async fn a_stalled_call_that_is_dropped_stalls_no_more() {
    let (_, store, faults) = store();
    faults.stall(Call::Ping);
    assert!(store.ping().now_or_never().is_none());
    faults.stall(Call::Page);
    assert!(store.stream(&OrderListing::default()).next().now_or_never().is_none());
    assert!(faults.stalled().now_or_never().is_none(), "both calls are gone");
    faults.stall(Call::Ping);
    let call = tokio::spawn(async move { store.ping().await });
    faults.stalled().await;
    faults.clear();
    call.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_fault_can_come_later_and_stay() {
    let (_, store, faults) = store();
    faults.arm_after(Call::Ping, Fault::FailBefore, 2);
    for fails in [false, false, true, true] {
        assert_eq!(store.ping().await.is_err(), fails);
    }
    faults.clear();
    store.ping().await.unwrap();
}
