//! A connection pooler in front of PostgreSQL: right rows in session mode, a refusal in any other.

use std::time::Duration;

use futures_util::future::join_all;
use provesi_core::{
    Chain, Expected, Order, OrderFilter, OrderListing, OrderRepository, OrderRepositoryExt, OrderStatus, PageLimit,
    PageRequest, StoreAdmin, StoreError,
};
use provesi_store_pg::PgStore;
use provesi_testkit::servers::{PgBouncer, PoolMode};

use crate::common::{Fixture, order, stamp};

/// Orders in two statuses, and a `PgBouncer` in front of them; `None` on a machine without the program.
async fn fixture(mode: PoolMode, pool_size: u32) -> Option<(Fixture, PgBouncer)> {
    let fixture = Fixture::new().await;
    let pgbouncer = PgBouncer::start(fixture.database.url(), mode, pool_size).await?;
    for n in 0..40 {
        let status = if n % 2 == 0 { OrderStatus::Received } else { OrderStatus::Shipped };
        OrderRepositoryExt::insert(&fixture.store, &order(&format!("A-{n}"), status), &stamp(n)).await.unwrap();
    }
    Some((fixture, pgbouncer))
}

async fn list(store: &PgStore, status: OrderStatus) -> Result<Vec<Order>, StoreError> {
    let mut listing = OrderListing { filter: OrderFilter::default(), ..OrderListing::default() };
    listing.filter.statuses.insert(status);
    let page = OrderRepositoryExt::list(store, &listing, &PageRequest::first(PageLimit::MAX)).await?;
    Ok(page.items)
}

/// Lists of both statuses at the same time, and how many were answered. None may hold an order of the other status.
async fn lists(store: &PgStore, rounds: usize) -> usize {
    let tasks = (0..16).map(|n| {
        let store = store.clone();
        tokio::spawn(async move {
            let status = if n % 2 == 0 { OrderStatus::Received } else { OrderStatus::Shipped };
            let mut answered = 0;
            for _ in 0..rounds {
                if let Ok(orders) = list(&store, status).await {
                    assert!(orders.len() == 20 && orders.iter().all(|order| order.status() == status), "{orders:?}");
                    answered += 1;
                }
            }
            answered
        })
    });
    join_all(tasks).await.into_iter().map(Result::unwrap).sum()
}

fn assert_refused<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    let error = result.unwrap_err();
    let text = Chain(&error).to_string();
    assert!(matches!(error, StoreError::Backend { .. }), "{error:?}");
    assert!(text.contains("pool_mode = session") && !text.contains('\n'), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn in_session_mode_everything_works_with_the_time_limits_in_force() {
    let Some((_fixture, pgbouncer)) = fixture(PoolMode::Session, 20).await else { return };
    let store = PgStore::open(pgbouncer.url(), 8).unwrap();
    assert_eq!(store.pending_migrations().await.unwrap(), [""; 0]);
    store.migrate().await.unwrap();
    // On a busy machine, some calls may reach their deadline.
    assert!(lists(&store, 20).await > 16 * 15);
    let made = OrderRepositoryExt::insert(&store, &order("B", OrderStatus::Received), &stamp(1)).await.unwrap();
    OrderRepositoryExt::delete(&store, made.id, Expected::Any, &stamp(2)).await.unwrap();
    let mut connection = store.pool().acquire().await.unwrap();
    for (setting, expected) in [("statement_timeout", "2500ms"), ("lock_timeout", "2s"), ("jit", "off")] {
        let statement = format!("SELECT current_setting('{setting}')");
        let value: String =
            sqlx::query_scalar(sqlx::AssertSqlSafe(statement)).fetch_one(&mut *connection).await.unwrap();
        assert_eq!(value, expected, "{setting}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn in_session_mode_a_pool_as_large_as_the_poolers_is_used_in_full() {
    let Some((_fixture, pgbouncer)) = fixture(PoolMode::Session, 4).await else { return };
    let store = PgStore::open(pgbouncer.url(), 4).unwrap();
    assert_eq!(list(&store, OrderStatus::Received).await.unwrap().len(), 20);
    assert!(lists(&store, 5).await > 16 * 3);
    assert_eq!(store.pool().size(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn transaction_and_statement_mode_are_refused_and_never_give_a_wrong_row() {
    for mode in [PoolMode::Transaction, PoolMode::Statement] {
        let Some((_fixture, pgbouncer)) = fixture(mode, 5).await else { return };
        let store = PgStore::open(pgbouncer.url(), 8).unwrap();
        assert_refused(store.pending_migrations().await);
        assert_refused(store.migrate().await);
        let new = order("B", OrderStatus::Received);
        assert_refused(OrderRepositoryExt::insert(&store, &new, &stamp(1)).await);
        // With other clients of the pooler, and when all connections come at the same time.
        let others = PgStore::open(pgbouncer.url(), 8).unwrap();
        let answered = tokio::join!(lists(&store, 5), lists(&others, 5));
        assert_eq!(answered, (0, 0), "{mode}");
        assert!(OrderRepository::ping(&store).await.unwrap_err().is_transient());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_pooler_that_is_busy_with_other_clients_is_recognized() {
    let Some((_fixture, pgbouncer)) = fixture(PoolMode::Transaction, 5).await else { return };
    let noise = (0..10).map(|_| {
        let url = pgbouncer.url().to_owned();
        tokio::spawn(async move {
            use sqlx::{Connection, Executor};
            let mut connection = sqlx::PgConnection::connect(&url).await.unwrap();
            loop {
                connection.execute("SELECT pg_sleep(0.002)").await.unwrap();
            }
        })
    });
    let noise: Vec<_> = noise.collect();
    tokio::time::sleep(Duration::from_millis(200)).await;
    for _ in 0..20 {
        let store = PgStore::open(pgbouncer.url(), 2).unwrap();
        assert_refused(list(&store, OrderStatus::Received).await);
    }
    noise.iter().for_each(tokio::task::JoinHandle::abort);
}
