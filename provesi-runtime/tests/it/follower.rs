//! Readers of the feed that are ended at any step, beside writers, and beside each other.

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use provesi_core::{EntryKey, EntryKind, EventId, OrderRepository, OrderRepositoryExt, PageLimit, StoreError};
use provesi_runtime::Follower;
use provesi_testkit::data::{new_order, stamp};
use provesi_testkit::{Call, Fault, FaultyStore, MemoryStore};

async fn with_events(count: usize) -> MemoryStore {
    let store = MemoryStore::new();
    for number in 0..count {
        store.insert(&new_order(&format!("A-{number}")), &stamp(0)).await.unwrap();
    }
    store
}

fn follower<R: OrderRepository>(store: R) -> Follower<R> {
    Follower::new(store, "carrier").with_limit(PageLimit::new(2).unwrap())
}

/// Reads until the last event, and notes what was handled.
async fn follow<R: OrderRepository>(store: R, handled: &Mutex<Vec<i64>>) {
    let mut follower = follower(store);
    loop {
        // A store that fails is asked again.
        let Ok(events) = follower.next().await else {
            tokio::task::yield_now().await;
            continue;
        };
        for event in &events {
            handled.lock().unwrap().push(event.id.get());
            tokio::task::yield_now().await;
        }
        let is_last = events.last().unwrap().id == EventId::new(7);
        match follower.acknowledge(&events).await {
            Ok(()) | Err(StoreError::OutcomeUnknown { .. }) if is_last => return,
            _ => {}
        }
    }
}

/// Whether each event was handled, and what came again came without a gap.
fn assert_complete(handled: &[i64]) {
    let mut most = 0;
    for id in handled {
        assert!(*id <= most + 1, "an event was left out: {handled:?}");
        most = most.max(*id);
    }
    assert_eq!(most, 7, "{handled:?}");
}

#[tokio::test]
async fn a_reader_that_is_ended_at_any_step_leaves_no_event_out() {
    for steps in 0..200 {
        let (store, faults) = FaultyStore::new(with_events(7).await);
        let store = Arc::new(store);
        let handled = Mutex::default();
        // Each call of the store is a step of its own.
        faults.arm_all(Fault::Step);
        {
            let mut first = pin!(follow(Arc::clone(&store), &handled));
            let mut context = Context::from_waker(Waker::noop());
            for _ in 0..steps {
                if first.as_mut().poll(&mut context).is_ready() {
                    break;
                }
                if faults.wants_step() {
                    faults.step();
                }
            }
        }
        faults.clear();
        let before = handled.lock().unwrap().len();
        if before < 7 || store.entry(checkpoint()).await.unwrap().is_none_or(|entry| entry.value != "7") {
            follow(store, &handled).await;
        }
        assert_complete(&handled.into_inner().unwrap());
    }
}

fn checkpoint() -> EntryKey {
    EntryKey::new(EntryKind::Checkpoint, "carrier")
}

#[tokio::test]
async fn a_store_that_fails_before_and_after_its_work_leaves_no_event_out() {
    for call in [Call::Events, Call::Entries, Call::Commit] {
        for fault in [Fault::FailBefore, Fault::FailAfter] {
            for skip in 0..4 {
                let (store, faults) = FaultyStore::new(with_events(7).await);
                let handled = Mutex::default();
                faults.arm_after(call, fault, skip);
                {
                    let mut reading = pin!(follow(store, &handled));
                    let ended = tokio::time::timeout(Duration::from_millis(20), reading.as_mut()).await;
                    faults.clear();
                    if ended.is_err() {
                        reading.await;
                    }
                }
                assert_complete(&handled.into_inner().unwrap());
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn events_that_come_later_are_waited_for_and_acknowledged_ones_do_not_come_again() {
    let store = with_events(2).await;
    let mut reader = follower(store.clone());
    let events = reader.next().await.unwrap();
    // Not acknowledged: the same again.
    assert_eq!(reader.next().await.unwrap(), events);
    reader.acknowledge(&events).await.unwrap();
    assert!(tokio::time::timeout(Duration::from_secs(60), reader.next()).await.is_err());
    store.insert(&new_order("A-9"), &stamp(0)).await.unwrap();
    let events = reader.next().await.unwrap();
    assert_eq!(events.iter().map(|event| &*event.number).collect::<Vec<_>>(), ["A-9"]);
    // A reader with another name begins at the beginning.
    assert_eq!(Follower::new(store, "other").next().await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_reader_that_was_overtaken_under_its_name_is_told_so_and_goes_on_behind() {
    let store = with_events(7).await;
    let (mut first, mut second) = (follower(store.clone()), follower(store));
    let (of_first, of_second) = (first.next().await.unwrap(), second.next().await.unwrap());
    assert_eq!(of_first, of_second);
    second.acknowledge(&of_second).await.unwrap();
    let refused = first.acknowledge(&of_first).await;
    assert!(matches!(refused, Err(StoreError::EntryConflict { kind: EntryKind::Checkpoint })), "{refused:?}");
    assert_eq!(first.next().await.unwrap()[0].id, EventId::new(3));
}

#[tokio::test]
async fn a_name_that_stores_cannot_keep_is_refused() {
    for name in ["", &"n".repeat(101)] {
        assert!(Follower::new(MemoryStore::new(), name).next().await.is_err());
    }
}
