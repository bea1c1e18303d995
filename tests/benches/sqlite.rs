//! The server on one file, in release mode, against bare handlers on the same file:
//!
//! ```sh
//! cargo bench -p provesi-tests --bench sqlite             # everything
//! cargo bench -p provesi-tests --bench sqlite -- ratios   # against bare handlers
//! cargo bench -p provesi-tests --bench sqlite -- audit    # what the audit costs
//! cargo bench -p provesi-tests --bench sqlite -- lists    # the whole list, its first and its last page
//! cargo bench -p provesi-tests --bench sqlite -- pages    # the pages
//! cargo bench -p provesi-tests --bench sqlite -- process  # start and memory
//! ```
//!
//! The first run makes a file of 100,000 clients and 1,000,000 orders under `target/bench/`. Each figure is taken twice;
//! where it is a ratio, the sides run in turns.

#[path = "support/ask.rs"]
mod ask;
#[path = "sqlite/audit.rs"]
mod audit;
#[path = "sqlite/bare.rs"]
mod bare;
#[path = "support/bodies.rs"]
mod bodies;
#[path = "support/compare.rs"]
mod compare;
#[path = "sqlite/files.rs"]
mod files;
#[path = "sqlite/lists.rs"]
mod lists;
#[path = "support/load.rs"]
mod load;
#[path = "support/pages.rs"]
mod pages;
#[path = "support/process.rs"]
mod process;
#[path = "sqlite/ratios.rs"]
mod ratios;

use std::path::Path;
use std::time::Duration;

use files::{bench_dir, million_orders, server};

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, mode, file, readers] = &arguments[..]
        && mode == "bare"
    {
        return bare::serve(Path::new(file), readers.parse().expect("a number of readers"));
    }
    let parts = ["process", "ratios", "audit", "lists", "pages"];
    let asked: Vec<&str> = parts.into_iter().filter(|part| arguments.iter().any(|argument| argument == part)).collect();
    for part in if asked.is_empty() { &parts[..] } else { &asked } {
        match *part {
            "process" => process(&million_orders()),
            "ratios" => ratios::measure(&million_orders()),
            "audit" => audit::measure(),
            "lists" => lists::measure(&million_orders()),
            _ => look_at_pages(&million_orders()),
        }
    }
}

fn look_at_pages(file: &Path) {
    let server = server(file);
    let order = ask::json(server.address, "/api/orders/?limit=1");
    pages::measure(&server, order["data"][0]["client_id"].as_str().expect("a client"));
}

fn process(million: &Path) {
    for (what, file) in [("an empty file", &*bench_dir().join("empty.db")), ("1,000,000 orders", million)] {
        for round in 1..=2 {
            let server = server(file);
            println!("start to first answer, {what}, run {round}: {} ms", server.first_answer.as_millis());
        }
    }
    let server = server(million);
    std::thread::sleep(Duration::from_secs(3));
    println!("resident memory, idle: {:.1} MiB", server.resident_mib());
}
