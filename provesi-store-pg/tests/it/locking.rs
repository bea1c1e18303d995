//! Other transactions in the way: locks, deadlocks, a pool in full use, connections that break.

use provesi_testkit::data::with;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use provesi_core::{
    Expected, NewOrder, Order, OrderRepository, OrderRepositoryExt, OrderStatus, PageLimit, StoreError,
};
use provesi_store_pg::{PgStore, connect_options, pool_options};
use sqlx::{Connection, Executor};

use crate::common::{Fixture, client_id, order, stamp};

fn assert_unavailable<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    assert!(matches!(result, Err(StoreError::Unavailable { .. })), "{result:?}");
}

async fn insert(store: &PgStore, number: &str) -> Order {
    OrderRepositoryExt::insert(store, &order(number, OrderStatus::Received), &stamp(1)).await.unwrap()
}

#[tokio::test]
async fn a_row_that_somebody_keeps_is_not_waited_for_without_end() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let made = insert(store, "A").await;
    let mut raw = fixture.raw().await;
    let mut theirs = raw.begin().await.unwrap();
    theirs.execute("UPDATE orders_order SET status = 'picking'").await.unwrap();
    let start = Instant::now();
    assert_unavailable(OrderRepositoryExt::delete(store, made.id, Expected::Any, &stamp(2)).await);
    assert!(start.elapsed() < Duration::from_secs(3));
    // Reads are not held up, and see what was committed.
    assert_eq!(OrderRepositoryExt::get(store, made.id).await.unwrap(), Some(made.clone()));
    theirs.rollback().await.unwrap();
    OrderRepositoryExt::delete(store, made.id, Expected::Any, &stamp(2)).await.unwrap();
}

#[tokio::test]
async fn a_number_that_somebody_is_inserting_is_waited_for() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    for (commit, number) in [(true, "A"), (false, "B")] {
        let mut raw = fixture.raw().await;
        let mut theirs = raw.begin().await.unwrap();
        sqlx::query(
            "INSERT INTO orders_order (order_number, status, created_at, updated_at) \
             VALUES ($1, 'received', now(), now())",
        )
        .bind(number)
        .execute(&mut *theirs)
        .await
        .unwrap();
        let (store, ours) = (store.clone(), order(&number.to_lowercase(), OrderStatus::Received));
        let ours = tokio::spawn(async move { OrderRepositoryExt::insert(&store, &ours, &stamp(1)).await });
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert!(!ours.is_finished());
        if commit {
            theirs.commit().await.unwrap();
            assert!(matches!(ours.await.unwrap(), Err(StoreError::AlreadyExists { .. })));
        } else {
            theirs.rollback().await.unwrap();
            ours.await.unwrap().unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn detaching_beside_somebody_who_locks_in_another_order_ends_well() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    for number in 0..40 {
        insert(store, &format!("A-{number}")).await;
    }
    let mut raw = fixture.raw().await;
    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let theirs = {
        let stop = Arc::clone(&stop);
        tokio::spawn(async move {
            let mut deadlocks = 0;
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                let mut transaction = raw.begin().await.unwrap();
                for id in (1..=40_i64).rev() {
                    let touched = sqlx::query("UPDATE orders_order SET status = status WHERE id = $1").bind(id);
                    if touched.execute(&mut *transaction).await.is_err() {
                        deadlocks += 1;
                        break;
                    }
                }
                transaction.rollback().await.unwrap();
            }
            deadlocks
        })
    };
    // Whoever PostgreSQL picks as the victim: ours is tried again, or told to be. It may then be done all the same.
    for _ in 0..20 {
        match store.detach_client(client_id(7), &stamp(2)).await {
            Ok(_) => break,
            Err(StoreError::Unavailable { .. }) => {}
            Err(other) => panic!("{other:?}"),
        }
    }
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    theirs.await.unwrap();
    assert_eq!(store.count_by_client(&[client_id(7)]).await.unwrap()[&client_id(7)], 0);
    assert_eq!(store.feed(None, PageLimit::MAX).await.unwrap().len(), 80);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_the_isolation_of_the_database_refuses_is_tried_again() {
    let fixture = Fixture::new().await;
    let options =
        connect_options(fixture.database.url()).unwrap().options([("default_transaction_isolation", "serializable")]);
    let store = PgStore::new(pool_options(8).connect_lazy_with(options));
    // With a client it would be refused.
    let given = with(order("A", OrderStatus::Received), |it| it.client_id = None);
    let made = OrderRepositoryExt::insert(&store, &given, &stamp(1)).await.unwrap();
    let changes = (0..12).map(|n| {
        let (store, given) = (store.clone(), with(made.clone(), |it| it.number = format!("A-{n}").parse().unwrap()));
        tokio::spawn(async move { OrderRepositoryExt::update(&store, &given, Expected::Any, &stamp(2)).await })
    });
    let changed = join_all(changes).await.into_iter().filter(|change| match change.as_ref().unwrap() {
        Ok(_) => true,
        Err(StoreError::Unavailable { .. }) => false,
        Err(other) => panic!("{other:?}"),
    });
    let changed = changed.count();
    assert!(changed >= 6, "{changed} of 12");
    assert_eq!(store.feed(None, PageLimit::MAX).await.unwrap().len(), 1 + changed);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pool_in_full_use_is_not_waited_for_without_end_and_is_well_at_once() {
    let fixture = Fixture::new().await;
    let small = PgStore::open(fixture.database.url(), 2).unwrap();
    let made = insert(&small, "A").await;
    let (one, two) = (small.pool().acquire().await.unwrap(), small.pool().acquire().await.unwrap());
    let start = Instant::now();
    let (another, now) = (order("B", OrderStatus::Received), stamp(1));
    let (read, written) =
        tokio::join!(OrderRepositoryExt::get(&small, made.id), OrderRepositoryExt::insert(&small, &another, &now));
    assert_unavailable(read);
    assert_unavailable(written);
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    drop((one, two));
    assert_eq!(OrderRepositoryExt::get(&small, made.id).await.unwrap(), Some(made));
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_the_server_ended_are_replaced() {
    let fixture = Fixture::new().await;
    let store = &fixture.store;
    let made = insert(store, "A").await;
    for wait in [0, 700] {
        // All that the pool has, opened and idle.
        let open: Vec<_> = join_all((0..8).map(|_| store.pool().acquire())).await;
        drop(open);
        tokio::time::sleep(Duration::from_millis(100 + wait)).await;
        let mut raw = fixture.raw().await;
        raw.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
             WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        .await
        .unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
        // No read fails; a write may, where it cannot be known whether it was made, and the next one does not.
        for _ in 0..4 {
            assert_eq!(OrderRepositoryExt::get(store, made.id).await.unwrap(), Some(made.clone()));
        }
        let mut written = false;
        for _ in 0..10 {
            let given: NewOrder = order(&format!("B-{wait}"), OrderStatus::Received);
            match OrderRepositoryExt::insert(store, &given, &stamp(1)).await {
                Ok(_) => written = true,
                Err(StoreError::Unavailable { .. } | StoreError::OutcomeUnknown { .. }) => continue,
                Err(StoreError::AlreadyExists { .. }) => written = true,
                Err(other) => panic!("{other:?}"),
            }
            break;
        }
        assert!(written);
    }
}

#[tokio::test]
async fn a_server_that_cannot_be_reached_is_unavailable_within_three_seconds() {
    // Nobody listens there, or nobody answers (192.0.2.0/24 is kept for documentation).
    let urls = ["postgres://nobody@127.0.0.1:1/none", "postgres://nobody@192.0.2.1:5432/none"];
    let pings = urls.map(|url| async move {
        let store = PgStore::open(url, 2).unwrap();
        let start = Instant::now();
        assert_unavailable(OrderRepository::ping(&store).await);
        assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
    });
    join_all(pings).await;
}

#[tokio::test]
async fn nothing_tells_the_password() {
    let store = PgStore::open("postgres://ana:secreto@127.0.0.1:1/pedidos", 2).unwrap();
    let error = OrderRepository::ping(&store).await.unwrap_err();
    let said = format!("{store:?} {error:?} {error} {}", OrderRepository::database(&store));
    assert!(!said.contains("secreto") && said.contains("PostgreSQL (pedidos)"), "{said}");
    let refused = PgStore::open("no url: secreto", 2).unwrap_err();
    assert!(!format!("{refused:?}").contains("secreto"));
}
