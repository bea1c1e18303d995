//! How fast the store is on this machine: `cargo run --release --example load -- ORDERS [FILE]`.
//!
//! Inserts that many orders with 1,024 at a time in flight, then times the reads that pages make of them.
#![allow(missing_docs)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use provesi_core::{
    Actor, Client, ClientFilter, ClientId, ClientListing, ClientName, ClientQuery, ClientRepository,
    ClientRepositoryExt, Direction, Email, NewOrder, NumberPart, OrderFilter, OrderListing, OrderRepository,
    OrderRepositoryExt, OrderSort, OrderState, OrderStatus, PageLimit, PageRequest, Phone, ReturnReason, Stamp,
    StoreAdmin, Timestamp,
};
use provesi_store_sqlite::SqliteStore;

type Failure = Box<dyn std::error::Error + Send + Sync>;

const IN_FLIGHT: u64 = 1_024;
const CLIENTS: u64 = 100_000;

fn client_id(n: u64) -> ClientId {
    let mut bytes = [0; 12];
    bytes[4..].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    ClientId::from_bytes(bytes)
}

fn order(n: u64) -> Result<(NewOrder, Stamp), Failure> {
    let at = Timestamp::from_micros(1_700_000_000_000_000 + i64::try_from(n)? * 1_000)?;
    let status = OrderStatus::ALL[usize::try_from(n % 7)?];
    let state = OrderState::new(status, Some(ReturnReason::parse("Caja rota")?), at)?;
    let client_id = Some(client_id(n.wrapping_mul(7919) % CLIENTS));
    let order = NewOrder::builder()
        .number(format!("Ord-{n:07}").parse()?)
        .maybe_client_id(client_id)
        .state(state)
        .created_at(at)
        .updated_at(at)
        .build();
    Ok((order, Stamp { at, actor: Actor::Anonymous, address: None }))
}

fn client(n: u64) -> Result<Client, Failure> {
    let at = Timestamp::from_micros(1_700_000_000_000_000)?;
    let first = ["Ana", "Beatriz", "Carlos", "Ñandú", "Zoé", "Óscar", "María José"][usize::try_from(n % 7)?];
    Ok(Client::builder()
        .id(client_id(n))
        .name(ClientName::parse(format!("{first} Pérez {n}"))?)
        .email(format!("cliente{n}@ejemplo.co").parse::<Email>()?)
        .phone(Phone::parse(format!("+57 300 {n:07}"))?)
        .created_at(at)
        .updated_at(at)
        .build())
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

async fn pages(store: &SqliteStore) -> Result<(), Failure> {
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
    let filter = OrderFilter { client_id: Some(client_id(5)), ..OrderFilter::default() };
    filters.push(("client".to_owned(), filter));
    for part in ["ord", "0099", "9", "99999", "zz", "nothing", "12345"] {
        let mut filter = OrderFilter { number_part: Some(NumberPart::parse(part)?), ..OrderFilter::default() };
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
        let filter = ClientFilter { query: Some(ClientQuery::parse(text)?) };
        let listing = ClientListing::new(filter, Direction::Ascending);
        let start = Instant::now();
        let page = ClientRepository::page(store, &listing, &PageRequest::first(limit)).await?;
        println!("clients {text:12} {} in {:.2?}", page.items.len(), start.elapsed());
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let orders: u64 = arguments.next().map_or(Ok(100_000), |text| text.parse())?;
    let dir = tempfile::tempdir()?;
    let path = arguments.next().map_or_else(|| dir.path().join("load.db"), Into::into);

    let start = Instant::now();
    let store = SqliteStore::open_or_create(&path, 4).await?;
    store.migrate().await?;
    println!("open and migrate: {:.2?}", start.elapsed());

    if OrderRepository::page(&store, &OrderListing::default(), &PageRequest::first(PageLimit::new(1)?))
        .await?
        .items
        .is_empty()
    {
        let writing = store.clone();
        at_once("orders with their events", orders, move |n| {
            let store = writing.clone();
            async move {
                let (order, stamp) = order(n)?;
                OrderRepositoryExt::insert(&store, &order, &stamp).await?;
                Ok(())
            }
        })
        .await?;
        let writing = store.clone();
        at_once("clients", CLIENTS.min(orders), move |n| {
            let store = writing.clone();
            async move {
                ClientRepositoryExt::insert(&store, &client(n)?).await?;
                Ok(())
            }
        })
        .await?;
    }
    let reading = store.clone();
    at_once("order by number and its client", orders.min(100_000), move |n| {
        let store = reading.clone();
        async move {
            let found = store.find_by_number(&order(n)?.0.number).await?;
            let id = found.and_then(|order| order.client_id).ok_or("an order is missing")?;
            ClientRepositoryExt::get(&store, id).await?;
            Ok(())
        }
    })
    .await?;
    pages(&store).await?;
    store.close().await;
    println!("file: {} MiB", std::fs::metadata(&path)?.len() >> 20);
    Ok(())
}
