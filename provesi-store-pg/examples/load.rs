//! How fast the store is on this machine:
//! `cargo run --release -p provesi-store-pg --example load -- postgres://USER@HOST/EMPTY_DATABASE ORDERS`.
//!
//! Fills Django's table with that many orders and ours with a tenth as many clients, migrates, then times what callers do.
#![allow(missing_docs)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use futures_util::TryStreamExt;
use provesi_core::{
    Actor, ClientFilter, ClientId, ClientListing, ClientQuery, ClientRepository, Direction, NewOrder, NumberPart,
    OrderFilter, OrderListing, OrderRepository, OrderSort, OrderState, OrderStatus, PageLimit, PageRequest,
    ReturnReason, Stamp, Timestamp, name_key,
};
use provesi_store_pg::PgStore;
use sqlx::{AssertSqlSafe, Executor};

type Failure = Box<dyn std::error::Error + Send + Sync>;

const IN_FLIGHT: u64 = 32;

/// As the Python system leaves it, with the statuses of a warehouse: nearly all delivered, few of them under way.
const FILL: &str = "
    INSERT INTO orders_order (order_number, client_id, status, return_reason, returned_at, created_at, updated_at)
    SELECT 'Ord-' || lpad(n::text, 7, '0'), lpad(to_hex((n * 7919) % (TOTAL / 10)), 24, '0'), status,
        CASE WHEN status = 'returned' THEN 'Caja rota' END,
        CASE WHEN status = 'returned' THEN now() - (TOTAL - n) * interval '59 s' END,
        now() - (TOTAL - n) * interval '60 s', now() - (TOTAL - n) * interval '58 s'
    FROM generate_series(1::bigint, TOTAL) AS n, LATERAL (SELECT CASE
        WHEN n % 50 = 0 THEN 'returned'
        WHEN n < TOTAL / 3 AND n % 2 = 0 THEN 'cancelled'
        WHEN n > TOTAL - TOTAL / 100 THEN ('{received,picking,packing,shipped}'::text[])[(1 + n % 4)::int]
        ELSE 'delivered' END AS status) AS chosen";

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
    let order = NewOrder { number: format!("New-{n:07}").parse()?, client_id, state, created_at: at, updated_at: at };
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

async fn pages(store: &PgStore) -> Result<(), Failure> {
    let limit = PageLimit::new(50)?;
    let mut filters = vec![("all".to_owned(), OrderFilter::default())];
    for status in [OrderStatus::Returned, OrderStatus::Packing] {
        let mut filter = OrderFilter::default();
        filter.statuses.insert(status);
        filters.push((status.to_string(), filter));
    }
    let mut filter = OrderFilter::default();
    filter.statuses.extend([OrderStatus::Picking, OrderStatus::Packing, OrderStatus::Shipped]);
    filters.push(("three statuses".to_owned(), filter));
    let mut filter = OrderFilter::default();
    filter.client_id = Some(client_id(5));
    filters.push(("client".to_owned(), filter));
    for part in ["ord", "0099", "9", "99999", "zz", "nothing", "12345"] {
        let mut filter = OrderFilter::default();
        filter.number_part = Some(NumberPart::parse(part)?);
        filters.push((format!("part {part}"), filter.clone()));
        filter.statuses.insert(OrderStatus::Packing);
        filters.push((format!("part {part}, packing"), filter));
    }
    for (name, filter) in filters {
        let mut line = format!("{name:24}");
        for sort in [OrderSort::UpdatedAt, OrderSort::CreatedAt, OrderSort::ReturnedAt, OrderSort::Number] {
            let listing = OrderListing::new(filter.clone(), sort, Direction::Descending);
            let first = OrderRepository::page(store, &listing, &PageRequest::first(limit)).await?;
            let start = Instant::now();
            for _ in 0..5 {
                OrderRepository::page(store, &listing, &PageRequest::first(limit)).await?;
            }
            let one = start.elapsed() / 5;
            let start = Instant::now();
            if let Some(next) = first.next {
                OrderRepository::page(store, &listing, &PageRequest::after(limit, next)).await?;
            }
            line += &format!("  {sort:?} {:>8.2?} {:>8.2?}", one, start.elapsed());
        }
        println!("{line}");
    }
    for text in ["maria", "perez 9999", "zz", "3000099999", "a", "99", "nadie"] {
        let mut filter = ClientFilter::default();
        filter.query = Some(ClientQuery::parse(text)?);
        let listing = ClientListing::new(filter, Direction::Ascending);
        let start = Instant::now();
        let page = ClientRepository::page(store, &listing, &PageRequest::first(limit)).await?;
        println!("clients {text:12} {} in {:.2?}", page.items.len(), start.elapsed());
    }
    Ok(())
}

async fn fill(store: &PgStore, orders: u64) -> Result<(), Failure> {
    let mut connection = store.pool().acquire().await?;
    connection.execute("SET statement_timeout = 0").await?;
    connection.execute(AssertSqlSafe(FILL.replace("TOTAL", &orders.to_string()))).await?;
    let (mut ids, mut names, mut keys) = (Vec::new(), Vec::new(), Vec::new());
    for n in 0..orders / 10 {
        let first = ["Ana", "Beatriz", "Carlos", "Nandu", "Zoe", "Oscar", "Maria"][usize::try_from(n % 7)?];
        let name = format!("{first} Perez {n}");
        ids.push(client_id(n).to_string());
        keys.push(name_key(&name));
        names.push(name);
    }
    sqlx::query(
        "INSERT INTO provesi_clients (id, name, name_key, name_search, email, email_folded, email_search, phone, \
             phone_digits, created_at, updated_at) \
         SELECT id, name, key, lower(name), mail, mail, mail, '300' || n, '300' || n, now(), now() \
         FROM unnest($1::text[], $2::text[], $3::bytea[]) WITH ORDINALITY AS given (id, name, key, n), \
             LATERAL (SELECT 'cliente' || n || '@ejemplo.co' AS mail) AS made",
    )
    .bind(&ids)
    .bind(&names)
    .bind(&keys)
    .execute(&mut *connection)
    .await?;
    connection.execute("ANALYZE").await?;
    connection.close_on_drop();
    Ok(())
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
        fill(&store, orders).await?;
        println!("filled with {orders} orders: {:.2?}", start.elapsed());
        let start = Instant::now();
        store.migrate().await?;
        println!("migrated: {:.2?}", start.elapsed());
    }
    let writing = store.clone();
    at_once("orders with their events", 20_000, move |n| {
        let store = writing.clone();
        async move {
            let (order, stamp) = order(n)?;
            match OrderRepository::insert(&store, &order, &stamp).await {
                Ok(_) | Err(provesi_core::StoreError::AlreadyExists { .. }) => Ok(()),
                Err(other) => Err(other.into()),
            }
        }
    })
    .await?;
    let reading = store.clone();
    at_once("order by number and its client", 50_000, move |n| {
        let store = reading.clone();
        async move {
            let found = store.find_by_number(&format!("oRD-{:07}", 1 + n % orders).parse()?).await?;
            let id = found.and_then(|order| order.client_id).ok_or("an order is missing")?;
            ClientRepository::get(&store, id).await?;
            Ok(())
        }
    })
    .await?;
    let start = Instant::now();
    let ids: Vec<_> = store.client_ids().try_collect().await?;
    println!("{} client ids: {:.2?}", ids.len(), start.elapsed());
    let start = Instant::now();
    store.count_by_client(&ids[..1_000.min(ids.len())]).await?;
    println!("counts of 1,000 clients: {:.2?}", start.elapsed());
    let start = Instant::now();
    let count = OrderRepository::stream(&store, &OrderListing::default()).try_fold(0, |n, _| async move { Ok(n + 1) });
    println!("{} orders streamed: {:.2?}", count.await?, start.elapsed());
    pages(&store).await?;
    store.close().await;
    Ok(())
}
