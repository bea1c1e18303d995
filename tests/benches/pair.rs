//! Orders in PostgreSQL and clients in MongoDB, measured on the real server in release mode, on servers that are started
//! for it and lose no commit to a power cut:
//!
//! ```sh
//! cargo bench -p provesi-tests --bench pair              # against bare handlers, 100,000 orders
//! cargo bench -p provesi-tests --bench pair -- million   # 1,000,000 orders and 100,000 clients
//! cargo bench -p provesi-tests --bench pair -- pages     # the same, the pages alone
//! ```

#[path = "support/ask.rs"]
mod ask;
#[path = "pair/bare.rs"]
mod bare;
#[path = "support/bodies.rs"]
mod bodies;
#[path = "support/compare.rs"]
mod compare;
#[path = "pair/data.rs"]
mod data;
#[path = "support/load.rs"]
mod load;
#[path = "pair/million.rs"]
mod million;
#[path = "support/pages.rs"]
mod pages;
#[path = "support/process.rs"]
mod process;
#[path = "pair/ratios.rs"]
mod ratios;
#[path = "pair/servers.rs"]
mod servers;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    if let [_, mode, orders, clients] = &arguments[..]
        && mode == "bare"
    {
        return bare::serve(orders, clients);
    }
    if arguments.iter().any(|argument| argument == "million") {
        million::measure();
    } else if arguments.iter().any(|argument| argument == "pages") {
        million::measure_pages();
    } else {
        ratios::measure();
    }
}
