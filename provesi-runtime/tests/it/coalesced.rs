//! What concurrent calls for the same page share. The clock is tokio's and stands while somebody works.

use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::poll;
use provesi_core::{
    CountKey, Direction, OrderCount, OrderFilter, OrderGroup, OrderKey, OrderListing, OrderRepository, OrderSort,
    PageLimit, PageRequest, StoreError,
};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::batched::{Scripted, Store, batched, inserted, settle, start};

fn listing(direction: Direction) -> OrderListing {
    OrderListing::new(OrderFilter::default(), OrderSort::CreatedAt, direction)
}

/// The numbers of the orders in a list.
async fn numbers(store: Store, direction: Direction) -> Result<Vec<String>, StoreError> {
    let page = store.page(&listing(direction), &PageRequest::first(PageLimit::MAX)).await?;
    Ok(page.items.into_iter().map(|order| order.number).collect())
}

async fn ask(store: &Store, direction: Direction) -> JoinHandle<Result<Vec<String>, StoreError>> {
    start(numbers(store.clone(), direction)).await
}

fn pages(scripted: &Scripted) -> usize {
    scripted.pages.lock().unwrap().len()
}

#[tokio::test(start_paused = true)]
async fn calls_for_a_page_that_is_being_read_share_the_next_query() {
    let (scripted, store) = batched(Scripted::new(true));
    inserted(&scripted, "A-1").await;
    let first = ask(&store, Direction::Ascending).await;
    assert_eq!(pages(&scripted), 1);
    // A caller that asks after a write sees it.
    let mut later = Vec::new();
    for _ in 0..8 {
        later.push(ask(&store, Direction::Ascending).await);
    }
    inserted(&scripted, "A-2").await;
    later.push(ask(&store, Direction::Ascending).await);
    assert_eq!(pages(&scripted), 1);
    scripted.gate.add_permits(1);
    first.await.unwrap().unwrap();
    settle().await;
    assert_eq!(pages(&scripted), 2);
    // No longer: the second one has begun.
    inserted(&scripted, "A-3").await;
    let last = ask(&store, Direction::Ascending).await;
    scripted.gate.add_permits(2);
    for found in join_all(later).await {
        assert!(found.unwrap().unwrap().starts_with(&["A-1".to_owned(), "A-2".to_owned()]));
    }
    assert_eq!(last.await.unwrap().unwrap(), ["A-1", "A-2", "A-3"]);
    assert_eq!(pages(&scripted), 3);
}

#[tokio::test(start_paused = true)]
async fn a_call_for_another_page_does_not_wait() {
    let (scripted, store) = batched(Scripted::new(true));
    let _first = ask(&store, Direction::Ascending).await;
    let _other = ask(&store, Direction::Descending).await;
    assert_eq!(pages(&scripted), 2);
}

#[tokio::test(start_paused = true)]
async fn a_query_delays_calls_for_the_same_page_until_it_has_taken_50_ms() {
    let (scripted, store) = batched(Scripted::new(true));
    let _hangs = ask(&store, Direction::Ascending).await;
    sleep(Duration::from_millis(20)).await;
    let waiting = ask(&store, Direction::Ascending).await;
    sleep(Duration::from_millis(25)).await;
    assert_eq!(pages(&scripted), 1);
    sleep(Duration::from_millis(10)).await;
    assert_eq!(pages(&scripted), 2);
    // That one is slow as well.
    sleep(Duration::from_millis(60)).await;
    let _late = ask(&store, Direction::Ascending).await;
    assert_eq!(pages(&scripted), 3);
    scripted.gate.add_permits(2);
    waiting.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_query_goes_on_while_one_of_its_callers_waits() {
    let (scripted, store) = batched(Scripted::new(true));
    let first = ask(&store, Direction::Ascending).await;
    let (second, third) = (ask(&store, Direction::Ascending).await, ask(&store, Direction::Ascending).await);
    // The caller whose read is under way hangs up, and then the one that would have made the next.
    first.abort();
    settle().await;
    assert_eq!(pages(&scripted), 2);
    second.abort();
    scripted.gate.add_permits(1);
    third.await.unwrap().unwrap();
    assert_eq!(pages(&scripted), 2);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_is_not_polled_holds_up_no_other() {
    let (scripted, store) = batched(Scripted::new(true));
    let first = ask(&store, Direction::Ascending).await;
    let mut idle = Box::pin(numbers(store.clone(), Direction::Ascending));
    assert!(matches!(poll!(&mut idle), Poll::Pending));
    let other = ask(&store, Direction::Ascending).await;
    scripted.gate.add_permits(2);
    first.await.unwrap().unwrap();
    other.await.unwrap().unwrap();
    assert_eq!(idle.await.unwrap(), [""; 0]);
    assert_eq!(pages(&scripted), 2);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_panics_is_unavailable_to_every_caller_of_the_query() {
    let (scripted, store) = batched(Scripted::new(true));
    let first = ask(&store, Direction::Ascending).await;
    let sharing = [ask(&store, Direction::Ascending).await, ask(&store, Direction::Ascending).await];
    scripted.gate.add_permits(1);
    first.await.unwrap().unwrap();
    scripted.panics.store(1, Ordering::Relaxed);
    scripted.gate.add_permits(1);
    for lost in join_all(sharing).await {
        assert!(matches!(lost.unwrap(), Err(StoreError::Unavailable { .. })));
    }
    scripted.gate.add_permits(1);
    ask(&store, Direction::Ascending).await.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn counts_and_lookups_of_several_records_are_shared_as_well() {
    let (scripted, store) = batched(Scripted::new(true));
    inserted(&scripted, "A-1").await;
    let query = OrderCount::Orders { filter: OrderFilter::default(), by: OrderGroup::All };
    let keys = ["A-1", "A-2"].map(|number| OrderKey::Number(number.parse().unwrap()));
    let (mut counts, mut lookups) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        let (store, query, keys) = (store.clone(), query.clone(), keys.clone());
        let counting = store.clone();
        counts.push(start(async move { counting.count(&query).await }).await);
        lookups.push(start(async move { store.get_many(&keys).await }).await);
    }
    scripted.gate.add_permits(4);
    for count in join_all(counts).await {
        assert_eq!(count.unwrap().unwrap().get(&CountKey::All), Some(&1));
    }
    for found in join_all(lookups).await {
        let found: Vec<bool> = found.unwrap().into_iter().map(|found| found.unwrap().is_some()).collect();
        assert_eq!(found, [true, false]);
    }
    assert_eq!(*scripted.counts.lock().unwrap(), 2);
    assert_eq!(*scripted.reads.lock().unwrap(), [2, 2]);
}
