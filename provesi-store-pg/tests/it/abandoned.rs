//! Calls that do not run to completion: what they leave in the database, on their connection, and what is said of them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use provesi_core::{Expected, Order, OrderRepositoryExt, OrderStatus, StoreAdmin, StoreError};
use provesi_store_pg::{PgStore, connect_options, pool_options};
use provesi_testkit::data::with;
use provesi_testkit::servers::{OwnServer, wanted};
use sqlx::{Connection, Executor};
use tokio::time::timeout;

use crate::common::{CONNECTIONS, Fixture, begin, order, stamp};

async fn insert(store: &PgStore, number: &str) -> Order {
    OrderRepositoryExt::insert(store, &order(number, OrderStatus::Received), &stamp(1)).await.unwrap()
}

async fn delete_within_a_second(fixture: &Fixture, made: &Order) {
    let now = stamp(3);
    let deleted = OrderRepositoryExt::delete(&fixture.store, made.id, Expected::Any, &now);
    timeout(Duration::from_secs(1), deleted).await.expect("the row is free").unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_is_dropped_in_a_transaction_leaves_no_row_lock() {
    let fixture = Fixture::new().await;
    // A store whose connections nobody uses afterwards.
    let store = PgStore::open(fixture.database.url(), 4).unwrap();
    for number in ["A", "B"] {
        let made = insert(&store, number).await;
        let handler = async {
            let (transaction, inside) = begin(&store).await.unwrap();
            let renamed = with(made.clone(), |it| it.number = format!("{number}-2").parse().unwrap());
            OrderRepositoryExt::update(&inside, &renamed, Expected::Any, &stamp(2)).await.unwrap();
            if number == "B" {
                // Dropped in the middle of a statement.
                transaction.lock().await.unwrap().execute("SELECT pg_sleep(0.6)").await.unwrap();
            }
            std::future::pending::<()>().await;
        };
        timeout(Duration::from_millis(400), handler).await.unwrap_err();
        delete_within_a_second(&fixture, &made).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_is_dropped_while_it_begins_is_not_met_by_later_writes() {
    if !wanted("postgres") {
        return;
    }
    let server = OwnServer::postgres().start().await;
    let database = server.database().await;
    let (store, others) = (PgStore::open(database.url(), 1).unwrap(), PgStore::open(database.url(), 1).unwrap());
    store.migrate().await.unwrap();
    for n in 0..3 {
        // A connection that was just used is trusted, so that a single poll sends BEGIN.
        insert(&store, &format!("A-{n}")).await;
        while store.pool().num_idle() == 0 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let frozen = server.freeze().await;
        let mut begin = Box::pin(store.pool().begin());
        assert!(futures_util::poll!(&mut begin).is_pending());
        drop(begin);
        frozen.thaw().await;
        let number = format!("B-{n}");
        insert(&store, &number).await;
        let found = OrderRepositoryExt::find_by_number(&others, &number.parse().unwrap()).await.unwrap();
        assert!(found.is_some(), "{number} is there for others");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_waits_for_a_connection_is_never_sent_once_its_caller_is_gone_or_answered() {
    let fixture = Fixture::new().await;
    let pool = pool_options(1).connect_lazy_with(connect_options(fixture.database.url()).unwrap());
    let store = PgStore::new(pool).with_deadline(Duration::from_millis(300));
    insert(&store, "A").await;
    let held = store.pool().acquire().await.unwrap();
    let late = OrderRepositoryExt::insert(&store, &order("Late", OrderStatus::Received), &stamp(1)).await;
    assert!(matches!(late, Err(StoreError::Unavailable { .. })), "{late:?}");
    let (new, now) = (order("Gone", OrderStatus::Received), stamp(1));
    let gone = OrderRepositoryExt::insert(&store, &new, &now);
    timeout(Duration::from_millis(50), gone).await.unwrap_err();
    drop(held);
    tokio::time::sleep(Duration::from_millis(500)).await;
    for number in ["Late", "Gone"] {
        assert!(fixture.store.find_by_number(&number.parse().unwrap()).await.unwrap().is_none(), "{number}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_without_an_answer_is_unknown_and_one_that_was_not_committed_is_unavailable() {
    let fixture = Fixture::new().await;
    let store = fixture.store.clone().with_deadline(Duration::from_millis(400));
    let made = insert(&store, "A").await;
    let mut raw = fixture.raw().await;
    let mut theirs = raw.begin().await.unwrap();
    theirs.execute("UPDATE orders_order SET status = 'picking'").await.unwrap();
    // It waits for the row. The server gives up before the deadline.
    let refused = OrderRepositoryExt::delete(&store, made.id, Expected::Any, &stamp(2)).await;
    assert!(matches!(refused, Err(StoreError::Unavailable { .. })), "{refused:?}");
    // The server plans the statement, and so waits for the table, before it knows of the deadline.
    theirs.execute("LOCK TABLE provesi_order_events IN SHARE MODE").await.unwrap();
    let unknown = OrderRepositoryExt::insert(&store, &order("B", OrderStatus::Received), &stamp(2)).await;
    assert!(matches!(unknown, Err(StoreError::OutcomeUnknown { .. })), "{unknown:?}");
    theirs.rollback().await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(OrderRepositoryExt::get(&store, made.id).await.unwrap(), Some(made));
}

#[tokio::test(flavor = "multi_thread")]
async fn closing_waits_for_a_write_whose_caller_is_gone() {
    let fixture = Fixture::new().await;
    let store = PgStore::open(fixture.database.url(), 2).unwrap();
    let made = insert(&store, "A").await;
    let mut raw = fixture.raw().await;
    let mut theirs = raw.begin().await.unwrap();
    theirs.execute("UPDATE orders_order SET status = status").await.unwrap();
    let deleted = tokio::spawn({
        let (store, made) = (store.clone(), made.clone());
        async move { OrderRepositoryExt::delete(&store, made.id, Expected::Any, &stamp(2)).await }
    });
    tokio::time::sleep(Duration::from_millis(200)).await;
    deleted.abort();
    let start = Instant::now();
    let closed = tokio::spawn(async move { store.close().await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(!closed.is_finished());
    theirs.rollback().await.unwrap();
    closed.await.unwrap();
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    assert_eq!(OrderRepositoryExt::get(&fixture.store, made.id).await.unwrap(), None);
}

/// The processes of the server that serve the connections of the pool, once all are open and idle.
async fn backends(store: &PgStore) -> BTreeSet<i32> {
    let open = join_all((0..CONNECTIONS).map(|_| store.pool().acquire())).await;
    let mut backends = BTreeSet::new();
    for connection in open {
        let id = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut *connection.unwrap()).await.unwrap();
        backends.insert(id);
    }
    backends
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_read_that_is_dropped_in_the_middle_spoils_no_later_one_and_costs_no_connection() {
    let fixture = Fixture::new().await;
    let store = fixture.store.clone();
    let mut made = Vec::new();
    for number in 0..10 {
        made.push(insert(&store, &format!("A-{number}")).await);
    }
    let before = backends(&store).await;
    let readers = (0..16_usize).map(|reader| {
        let (store, made) = (store.clone(), made.clone());
        tokio::spawn(async move {
            let mut dropped = 0;
            for n in 0..300 {
                let order = &made[(reader + n) % made.len()];
                let read = OrderRepositoryExt::get(&store, order.id);
                let limit = Duration::from_micros(rand::random_range(0..3_000));
                match timeout(limit, read).await {
                    Ok(found) => assert_eq!(found.unwrap().as_ref(), Some(order)),
                    Err(_) => dropped += 1,
                }
            }
            dropped
        })
    });
    let dropped: usize = join_all(readers).await.into_iter().map(Result::unwrap).sum();
    assert!(dropped > 100, "{dropped} were dropped");
    for order in &made {
        assert_eq!(OrderRepositoryExt::get(&store, order.id).await.unwrap().as_ref(), Some(order));
    }
    assert_eq!(backends(&store).await, before);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_waits_a_moment_for_the_next_call_and_then_returns_to_the_pool() {
    let fixture = Fixture::new().await;
    let store = fixture.store.clone();
    let made = insert(&store, "A").await;
    assert_eq!(OrderRepositoryExt::get(&store, made.id).await.unwrap(), Some(made.clone()));
    assert_eq!((store.pool().size(), store.pool().num_idle()), (1, 0), "it waits");
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!((store.pool().size(), store.pool().num_idle()), (1, 1), "it is back");
    // Other users of the pool get most of its connections at once, and all of them soon.
    let reads = (0..CONNECTIONS).map(|_| OrderRepositoryExt::get(&store, made.id));
    join_all(reads).await.into_iter().for_each(|found| assert!(found.unwrap().is_some()));
    let start = Instant::now();
    drop(join_all((0..CONNECTIONS).map(|_| store.pool().acquire())).await);
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
    // Closing does not wait for calls that will not come.
    OrderRepositoryExt::get(&store, made.id).await.unwrap();
    let start = Instant::now();
    store.pool().close().await;
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_at_a_full_pool_gets_the_next_connection() {
    let fixture = Fixture::new().await;
    let store = PgStore::open(fixture.database.url(), 4).unwrap();
    let made = insert(&store, "A").await;
    let held = join_all((0..3).map(|_| store.pool().acquire())).await;
    // The fourth serves one call after the other, and somebody waits for it at the pool.
    let stop = Arc::new(AtomicBool::new(false));
    let calls = tokio::spawn({
        let (store, stop, id) = (store.clone(), Arc::clone(&stop), made.id);
        async move {
            while !stop.load(Ordering::Relaxed) {
                assert!(OrderRepositoryExt::get(&store, id).await.unwrap().is_some());
            }
        }
    });
    for _ in 0..5 {
        let start = Instant::now();
        drop(store.pool().acquire().await.unwrap());
        assert!(start.elapsed() < Duration::from_millis(300), "{:?}", start.elapsed());
    }
    stop.store(true, Ordering::Relaxed);
    calls.await.unwrap();
    drop(held);
}

#[test]
fn a_store_may_end_outside_of_its_runtime_right_after_a_call() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let (fixture, store) = runtime.block_on(async {
        let fixture = Fixture::new().await;
        // The pool starts a task for each connection that it loses.
        let options = pool_options(8).min_connections(1);
        let store = PgStore::new(options.connect_lazy_with(connect_options(fixture.database.url()).unwrap()));
        insert(&store, "A").await;
        (fixture, store)
    });
    drop(runtime);
    drop(store);
    drop(fixture);
}
