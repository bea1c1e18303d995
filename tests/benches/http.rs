//! What `docs/benchmarks.md` reports, measured on the real server in release mode:
//!
//! ```sh
//! cargo bench -p provesi-tests --bench http
//! cargo bench -p provesi-tests --bench http -- pages     # the pages alone
//! cargo bench -p provesi-tests --bench http -- audit     # what the audit and the boundary cost
//! ```
//!
//! The first run makes a file of 100,000 clients and 1,000,000 orders under `target/bench/`. Each figure is taken twice;
//! where it is a ratio, both sides run in turns.

#[path = "support/ask.rs"]
mod ask;
#[path = "http/audit.rs"]
mod audit;
#[path = "http/bare.rs"]
mod bare;
#[path = "http/files.rs"]
mod files;
#[path = "http/lists.rs"]
mod lists;
#[path = "support/load.rs"]
mod load;
#[path = "support/pages.rs"]
mod pages;
#[path = "support/process.rs"]
mod process;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use files::{bench_dir, million_orders, order_paths, server};
use load::{CONNECTIONS, gets, in_turns, run};
use process::Running;

/// As many readers as the server has by default.
const READERS: &str = "4";

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, mode, file, readers] = &arguments[..]
        && mode == "bare"
    {
        return bare::serve(Path::new(file), readers.parse().expect("a number of readers"));
    }
    if arguments.iter().any(|argument| argument == "audit") {
        return audit::measure();
    }
    let million = million_orders();
    if arguments.iter().any(|argument| argument == "pages") {
        return look_at_pages(&million);
    }
    start_up("an empty file", &bench_dir().join("empty.db"));
    start_up("1,000,000 orders", &million);
    idle_memory(&million);
    get_order(&million);
    lists::measure(&million);
    look_at_pages(&million);
}

fn look_at_pages(file: &Path) {
    let server = server(file);
    let order = ask::json(server.address, "/api/orders/?limit=1");
    pages::measure(&server, order["data"][0]["client_id"].as_str().expect("a client"));
}

/// From the start of the process to the first answer.
fn start_up(what: &str, file: &Path) {
    for round in 1..=2 {
        let server = server(file);
        println!("start to first answer, {what}, run {round}: {} ms", server.first_answer.as_millis());
    }
}

fn idle_memory(file: &Path) {
    let server = server(file);
    std::thread::sleep(Duration::from_secs(3));
    println!("resident memory, idle: {:.1} MiB", server.resident_mib());
}

/// `GET /api/orders/{number}` with its client, against a bare handler that makes the same two queries.
fn get_order(file: &Path) {
    let requests = Arc::new(gets(&order_paths(file)));
    for round in 1..=2 {
        let (server, handler) = (server(file), Running::bare([file.as_os_str(), READERS.as_ref()]));
        let [ours, bare] =
            in_turns([server.address, handler.address], |_, address, time| run(address, &requests, time).per_second);
        println!(
            "GET /api/orders/{{number}}, {CONNECTIONS} connections, run {round}: {ours:.0}/s, bare handler {bare:.0}/s, \
             {:.0} %",
            100.0 * ours / bare
        );
    }
}
