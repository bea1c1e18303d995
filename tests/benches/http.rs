//! What `docs/benchmarks.md` reports, measured on the real server in release mode:
//!
//! ```sh
//! cargo bench -p provesi-tests
//! ```
//!
//! The first run makes a file of 100,000 clients and 1,000,000 orders under `target/bench/`. Each figure is taken twice;
//! where it is a ratio, both sides run in turns.

#[path = "http/bare.rs"]
mod bare;
#[path = "http/lists.rs"]
mod lists;
#[path = "http/load.rs"]
mod load;
#[path = "http/process.rs"]
mod process;

use std::path::Path;
use std::time::Duration;

use process::{Running, bench_dir, million_orders, server};

const CONNECTIONS: usize = 32;
/// A shared machine is faster in one second than in the next, so the two sides take turns.
const TURNS: u32 = 5;
const TURN: Duration = Duration::from_secs(2);

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, mode, file, readers] = &arguments[..]
        && mode == "bare"
    {
        return bare::serve(Path::new(file), readers.parse().expect("a number of readers"));
    }
    let million = million_orders();
    start_up("an empty file", &bench_dir().join("empty.db"));
    start_up("1,000,000 orders", &million);
    idle_memory(&million);
    get_order(&million);
    lists::measure(&million);
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
    let targets = load::order_paths(file);
    for round in 1..=2 {
        let (server, handler) = (server(file), Running::bare(file));
        let (mut ours, mut bare) = (0.0, 0.0);
        for _ in 0..TURNS {
            for (address, sum) in [(server.address, &mut ours), (handler.address, &mut bare)] {
                *sum += load::requests_per_second(address, &targets, CONNECTIONS, TURN) / f64::from(TURNS);
            }
        }
        println!(
            "GET /api/orders/{{number}}, {CONNECTIONS} connections, run {round}: {ours:.0}/s, bare handler {bare:.0}/s, \
             {:.0} %",
            100.0 * ours / bare
        );
    }
}
