//! How fast the store is on this machine:
//! `cargo run --release -p provesi-store-pg --example load -- postgres://USER@HOST/EMPTY_DATABASE ORDERS [lists]`.
//!
//! Fills Django's table with that many orders and ours with a tenth as many clients, migrates, then times what callers do;
//! with `lists`, the lists alone.
#![allow(missing_docs)]

mod fill;
mod lists;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use futures_util::TryStreamExt;
use provesi_core::{
    Actor, ClientId, ClientRepository, ClientRepositoryExt, NewOrder, OrderListing, OrderRepository,
    OrderRepositoryExt, OrderState, OrderStatus, PageLimit, PageRequest, ReturnReason, Stamp, StoreAdmin, Timestamp,
};
use provesi_runtime::Batched;
use provesi_store_pg::PgStore;
use sqlx::{AssertSqlSafe, Executor};

type Failure = Box<dyn std::error::Error + Send + Sync>;

const IN_FLIGHT: u64 = 32;

/// The `n`th client of those that [`fill`] makes.
fn client_id(n: u64) -> ClientId {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&n.to_be_bytes());
    ClientId::from_bytes(bytes)
}

fn order(n: u64) -> Result<(NewOrder, Stamp), Failure> {
    let at = Timestamp::from_micros(1_700_000_000_000_000 + i64::try_from(n)? * 1_000)?;
    let status = OrderStatus::ALL[usize::try_from(n % 7)?];
    let state = OrderState::new(status, Some(ReturnReason::parse("Caja rota")?), at)?;
    let client_id = Some(client_id(n.wrapping_mul(7919) % 1_000));
    let order = NewOrder::builder()
        .number(format!("New-{n:07}").parse()?)
        .maybe_client_id(client_id)
        .state(state)
        .created_at(at)
        .updated_at(at)
        .build();
    Ok((order, Stamp { at, actor: Actor::Anonymous, address: None }))
}

/// Does `total` things, [`IN_FLIGHT`] at a time.
async fn at_once<F, Fut>(what: &str, total: u64, one: F) -> Result<(), Failure>
where
    F: Fn(u64) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), Failure>> + Send + 'static,
{
    let (one, next) = (Arc::new(one), Arc::new(AtomicU64::new(0)));
    let start = Instant::now();
    let workers: Vec<_> = (0..IN_FLIGHT)
        .map(|_| {
            let (one, next) = (Arc::clone(&one), Arc::clone(&next));
            tokio::spawn(async move {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    if n >= total {
                        return Ok::<(), Failure>(());
                    }
                    one(n).await?;
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await??;
    }
    let seconds = start.elapsed().as_secs_f64();
    println!("{what}: {total} in {seconds:.2} s, {:.0}/s", total as f64 / seconds);
    Ok(())
}

const INSERTS: u64 = 20_000;

/// Inserts orders, the first with this number.
async fn inserts<S: OrderRepository + Clone>(what: &str, store: &S, first: u64) -> Result<(), Failure> {
    let store = store.clone();
    at_once(what, INSERTS, move |n| {
        let store = store.clone();
        async move {
            let (order, stamp) = order(first + n)?;
            match OrderRepositoryExt::insert(&store, &order, &stamp).await {
                Ok(_) | Err(provesi_core::StoreError::AlreadyExists { .. }) => Ok(()),
                Err(other) => Err(other.into()),
            }
        }
    })
    .await
}

/// Looks orders up by their numbers, each with its client.
async fn lookups<S>(what: &str, store: &S, orders: u64) -> Result<(), Failure>
where
    S: OrderRepository + ClientRepository + Clone,
{
    let store = store.clone();
    at_once(what, 50_000, move |n| {
        let store = store.clone();
        async move {
            let number = format!("oRD-{:07}", 1 + n % orders).parse()?;
            let found = OrderRepositoryExt::find_by_number(&store, &number).await?;
            let id = found.and_then(|order| order.client_id).ok_or("an order is missing")?;
            ClientRepositoryExt::get(&store, id).await?;
            Ok(())
        }
    })
    .await
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().ok_or("the URL of an empty database")?;
    let orders: u64 = arguments.next().map_or(Ok(100_000), |text| text.parse())?;
    let store = PgStore::open(&url, 16)?;
    store.migrate().await?;
    if OrderRepository::page(&store, &OrderListing::default(), &PageRequest::first(PageLimit::new(1)?))
        .await?
        .items
        .is_empty()
    {
        // Filled first and migrated then, as it is with a table that was there before.
        let indexes: Vec<String> =
            sqlx::query_scalar("SELECT indexname::text FROM pg_indexes WHERE indexname LIKE 'provesi_orders%'")
                .fetch_all(store.pool())
                .await?;
        for index in indexes {
            store.pool().execute(AssertSqlSafe(format!("DROP INDEX {index}"))).await?;
        }
        let start = Instant::now();
        fill::fill(&store, orders).await?;
        println!("filled with {orders} orders: {:.2?}", start.elapsed());
        let start = Instant::now();
        store.migrate().await?;
        println!("migrated: {:.2?}", start.elapsed());
    }
    if arguments.next().as_deref() == Some("lists") {
        return lists::lists(&store, orders).await;
    }
    inserts("orders with their events", &store, 0).await?;
    let joined = Batched::new(store.clone());
    inserts("the same, joined", &joined, INSERTS).await?;
    lookups("order by number and its client", &store, orders).await?;
    lookups("the same, joined", &joined, orders).await?;
    let start = Instant::now();
    let ids: Vec<_> = store.stream_client_ids().try_collect().await?;
    println!("{} client ids: {:.2?}", ids.len(), start.elapsed());
    let start = Instant::now();
    store.count_by_client(&ids[..1_000.min(ids.len())]).await?;
    println!("counts of 1,000 clients: {:.2?}", start.elapsed());
    let start = Instant::now();
    let count =
        OrderRepositoryExt::stream(&store, &OrderListing::default()).try_fold(0, |n, _| async move { Ok(n + 1) });
    println!("{} orders streamed: {:.2?}", count.await?, start.elapsed());
    lists::lists(&store, orders).await?;
    store.close().await;
    Ok(())
}
