//! A million orders and a hundred thousand clients: taking them over, looking them through, listing them.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::ask::{get, json, median, timed, whole};
use crate::data::{client_id, fill};
use crate::pages;
use crate::process::{Running, memory_mib};
use crate::servers::Pair;

const CLIENTS: u32 = 100_000;
const ORDERS: u32 = 1_000_000;

/// The whole list is read for no longer than this: what it does in this time, it goes on doing.
const WHOLE: Duration = Duration::from_secs(60);

/// The two databases, filled and migrated.
fn filled() -> Pair {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let pair = runtime.block_on(async {
        let pair = Pair::start().await;
        fill(&pair, CLIENTS, ORDERS).await;
        pair
    });
    command(&pair, "migrate");
    pair
}

pub(crate) fn measure_pages() {
    let pair = filled();
    let server = Running::server(pair.clients(), pair.orders(), |_| {});
    after_the_check();
    pages::measure(&server, &client_id(4_711).to_hex());
}

pub(crate) fn measure() {
    let pair = filled();
    for _ in 1..=2 {
        command(&pair, "check");
    }
    start_up(&pair);
    let server = Running::server(pair.clients(), pair.orders(), |_| {});
    after_the_check();
    println!("resident memory, idle: {:.1} MiB", server.resident_mib());
    for round in 1..=2 {
        for listing in listings() {
            list(&server, &listing, round);
        }
    }
    pages::measure(&server, &client_id(4_711).to_hex());
    whole_list(&server);
}

/// The integrity check that follows a start is to be over: it asks the same servers.
fn after_the_check() {
    std::thread::sleep(Duration::from_secs(60));
}

/// A command of the server over both databases: how long it takes, and the most memory that it has.
fn command(pair: &Pair, name: &str) {
    let mut command = Command::new(provesi_tests::server_binary(true));
    command.args([name, "--log", "warn", "--clients", pair.clients(), "--orders", pair.orders()]);
    let start = Instant::now();
    let mut child = command.stdout(Stdio::null()).spawn().expect("the command starts");
    let mut peak: f64 = 0.0;
    let status = loop {
        // Gone once it has ended, so it is looked at while it runs.
        peak = peak.max(memory_mib(child.id(), "VmHWM:").unwrap_or(0.0));
        if let Some(status) = child.try_wait().expect("it can be waited for") {
            break status;
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    println!("{name}: {status}, {:.1} s, {peak:.1} MiB at most", start.elapsed().as_secs_f64());
}

fn start_up(pair: &Pair) {
    for round in 1..=2 {
        let server = Running::server(pair.clients(), pair.orders(), |_| {});
        println!("start to first answer, run {round}: {} ms", server.first_answer.as_millis());
    }
}

/// Every kind of list that clerks ask for.
fn listings() -> Vec<String> {
    let mut listings = vec!["/api/orders/?limit=100".to_owned(), "/api/orders/?limit=1000".to_owned()];
    for status in ["received", "picking", "packing", "shipped", "delivered", "returned", "cancelled"] {
        listings.push(format!("/api/orders/?limit=100&status={status}"));
    }
    listings.push("/api/orders/?limit=100&status=received&status=picking".to_owned());
    listings.push(format!("/api/orders/?limit=100&client_id={}", client_id(4_711)));
    // Few orders, many, one and none have this in their numbers.
    for part in ["0471100", "47", "ord-00471100", "999999999"] {
        listings.push(format!("/api/orders/?limit=100&q={part}"));
    }
    listings.push("/api/clients/?limit=100".to_owned());
    listings.push("/api/clients/?limit=100&q=quinones".to_owned());
    listings
}

/// The first page of a list, and one further on.
fn list(server: &Running, listing: &str, round: u32) {
    let mut pages = vec![("first", listing.to_owned())];
    // On a stand-in for MongoDB each page of clients reads them all, and each page of orders takes long for its clients.
    let depth = if listing.starts_with("/api/orders/?limit=100&") { 30 } else { 3 };
    let (mut cursor, mut walked) = (None, 1);
    while walked <= depth {
        let path = with_cursor(listing, cursor.as_deref());
        let Some(next) = json(server.address, &path)["next_cursor"].as_str().map(str::to_owned) else { break };
        cursor = Some(next);
        walked += 1;
    }
    if cursor.is_some() {
        pages.push(("a late", with_cursor(listing, cursor.as_deref())));
    }
    for (place, path) in pages {
        let times =
            (0..if place == "first" && walked > 1 { 5 } else { 3 }).map(|_| timed(server.address, &path)).collect();
        println!("{listing}, run {round}, {place} page ({walked} walked): {:.1} ms", median(times).as_secs_f64() * 1e3);
    }
}

fn with_cursor(listing: &str, cursor: Option<&str>) -> String {
    cursor.map_or_else(|| listing.to_owned(), |cursor| format!("{listing}&cursor={cursor}"))
}

fn whole_list(server: &Running) {
    get(server.address, "/api/orders/?limit=1000");
    let before = server.resident_mib();
    let list = whole(server.address, "/api/orders/", WHOLE);
    println!(
        "GET /api/orders/ of {ORDERS}: first byte {:.1} ms, {:.0} MB in {:.1} s{}, resident memory grew by {:.1} MiB at most",
        list.first_byte.as_secs_f64() * 1e3,
        list.bytes as f64 / 1e6,
        list.time.as_secs_f64(),
        if list.ended { "" } else { " (not all)" },
        server.peak_mib() - before,
    );
}
