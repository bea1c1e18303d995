//! How fast the store is over a server: `cargo run --release -p provesi-store-mongo --example load -- URL [CLIENTS]`.
//!
//! Fills the database `provesi_load` with that many clients where it is empty, then times what lists of clients ask for.
//! With each time stands what carries over to other servers: the commands, and the documents that they brought.
#![allow(missing_docs)]

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, Document, doc};
use mongodb::event::EventHandler;
use mongodb::event::command::CommandEvent;
use provesi_core::{
    ClientFilter, ClientListing, ClientQuery, ClientRepository, Direction, Page, PageLimit, PageRequest, StoreAdmin,
};
use provesi_store_mongo::{MongoStore, client_options};

type Failure = Box<dyn std::error::Error + Send + Sync>;

const CHUNK: u64 = 1_000;

const TIME_LIMIT: Duration = Duration::from_secs(300);

fn document(n: u64) -> Document {
    let mut id = [0; 12];
    id[4..].copy_from_slice(&n.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    let first = ["Ana", "Beatriz", "Carlos", "Ñandú", "Zoé", "Óscar", "María José"][(n % 7) as usize];
    let now = DateTime::from_millis(1_700_000_000_000);
    doc! {
        "_id": ObjectId::from_bytes(id), "name": format!("{first} Pérez {n}"), "email": format!("cliente{n}@ejemplo.co"),
        "phone": format!("+57 300 {n:07}"), "created_at": now, "updated_at": now,
    }
}

/// What was sent and what came, since the last time it was asked.
#[derive(Default)]
struct Seen {
    commands: AtomicU64,
    documents: AtomicU64,
}

static SEEN: LazyLock<Seen> = LazyLock::new(Seen::default);

fn watch(event: CommandEvent) {
    match event {
        CommandEvent::Started(started) if started.command_name != "killCursors" => {
            SEEN.commands.fetch_add(1, Ordering::Relaxed);
        }
        CommandEvent::Succeeded(done) => {
            let cursor = done.reply.get_document("cursor").ok();
            let batch = cursor.and_then(|cursor| cursor.get_array("firstBatch").or(cursor.get_array("nextBatch")).ok());
            SEEN.documents.fetch_add(batch.map_or(0, |batch| batch.len() as u64), Ordering::Relaxed);
        }
        _ => {}
    }
}

async fn page(store: &MongoStore, what: &str, text: Option<&str>) -> Result<(), Failure> {
    let filter = ClientFilter { query: text.map(ClientQuery::parse).transpose()? };
    let listing = ClientListing::new(filter, Direction::Ascending);
    let first = PageRequest::first(PageLimit::new(50)?);
    for counter in [&SEEN.commands, &SEEN.documents] {
        counter.store(0, Ordering::Relaxed);
    }
    let start = Instant::now();
    let Page { items, stopped_early, .. } = store.page(&listing, &first).await?;
    let took = start.elapsed();
    let [commands, documents] = [&SEEN.commands, &SEEN.documents].map(|counter| counter.load(Ordering::Relaxed));
    let stopped = if stopped_early { ", stopped early" } else { "" };
    println!(
        "{what:34} {took:>9.1?}  {:>2} found, {commands:>2} commands, {documents:>5} documents{stopped}",
        items.len()
    );
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().ok_or("where is the server? mongodb://…")?;
    let clients: u64 = arguments.next().map_or(Ok(100_000), |text| text.parse())?;
    let mut options = client_options(url).await?;
    // A server that is busy for long is not taken for one that is gone.
    options.connect_timeout = Some(TIME_LIMIT);
    options.command_event_handler = Some(EventHandler::callback(watch));
    let database = mongodb::Client::with_options(options)?.database("provesi_load");
    let store = MongoStore::new(&database).with_time_limit(TIME_LIMIT);

    let collection = database.collection::<Document>("clients");
    if collection.find_one(doc! {}).await?.is_none() {
        let start = Instant::now();
        for from in (0..clients.div_ceil(CHUNK)).map(|chunk| chunk * CHUNK) {
            collection.insert_many((from..clients.min(from + CHUNK)).map(document)).await?;
        }
        println!("{clients} clients in {:.1?}", start.elapsed());
    }
    let start = Instant::now();
    store.migrate().await?;
    println!("indexes in {:.1?}; by collation: {}", start.elapsed(), store.sorts_by_collation().await?);

    page(&store, "the first page", None).await?;
    let searches = [
        ("names by one letter: a", "a"),
        ("names by two: ma", "ma"),
        ("names by five: ñandu", "ñandu"),
        ("names to the end: ana perez 9999", "ana perez 9999"),
        ("addresses, few: cliente1234", "cliente1234"),
        ("addresses, all: cliente", "cliente"),
        ("inside, in many: perez 12", "perez 12"),
        ("inside, in few: perez 54321", "perez 54321"),
        ("a phone: 300 0054321", "300 0054321"),
        ("nothing: nadie", "nadie"),
    ];
    for (what, text) in searches {
        page(&store, what, Some(text)).await?;
    }
    println!("with all the time that it takes:");
    let patient = store.with_search_time(TIME_LIMIT);
    for (what, text) in &searches[6..] {
        page(&patient, what, Some(text)).await?;
    }
    Ok(())
}
