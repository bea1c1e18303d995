//! The server on one file against bare handlers on the same file.

use std::path::Path;
use std::time::Duration;

use crate::ask::{json, whole};
use crate::compare::{CONNECTIONS, Side, compare, print_head};
use crate::files::{order_paths, server, server_with, small};
use crate::load::Requests;
use crate::process::Running;

/// As many readers as the server has by default.
const READERS: &str = "4";

/// How many records a page of a list has.
pub(crate) const LIMIT: usize = 50;

pub(crate) fn measure(file: &Path) {
    let paths = order_paths(file);
    let [ours, bare] = [server(file), Running::bare([file.as_os_str(), READERS.as_ref()])];
    let quiet = quiet(file);
    // Until the integrity checks after the start are over.
    std::thread::sleep(Duration::from_secs(10));
    same_answers(&ours, &bare, &paths);
    let orders = Requests::get(&paths);
    let (order_page, order_html) = (Requests::get([page("orders")]), Requests::get(["/orders/"]));
    let several = Requests::get((LIMIT - 15..=LIMIT + 16).map(|limit| format!("/api/orders/?limit={limit}")));
    let (client_page, client_html) = (Requests::get([page("clients")]), Requests::get(["/clients/"]));
    let missing = Requests::get_all("404", ["/api/nothing"]);

    print_head();
    compare(
        "an unknown path below `/api`",
        CONNECTIONS,
        &[
            Side::new("the server", &ours, &missing),
            Side::new("bare axum", &bare, &missing).wanted(0.6),
            Side::new("the server, `--log warn --audit off`", &quiet, &missing),
        ],
    );
    compare(
        "`GET` of an order with its client",
        CONNECTIONS,
        &[
            Side::new("the server", &ours, &orders),
            Side::new("two queries", &bare, &orders).wanted(1.2),
            Side::new("the server, `--log warn --audit off`", &quiet, &orders).wanted(0.95),
        ],
    );
    compare(
        "the same, one connection",
        1,
        &[Side::new("the server", &ours, &orders), Side::new("two queries", &bare, &orders).wanted(0.91)],
    );
    compare(
        "a list of 50 orders with their clients",
        CONNECTIONS,
        &[Side::new("the server", &ours, &order_page), Side::new("two queries", &bare, &order_page).wanted(1.5)],
    );
    compare(
        "32 lists of 35 to 66 orders with their clients, in turns",
        CONNECTIONS,
        &[Side::new("the server", &ours, &several), Side::new("two queries", &bare, &several)],
    );
    compare(
        "the list of 50 as a page of HTML",
        CONNECTIONS,
        &[Side::new("the server", &ours, &order_html), Side::new("two queries, JSON", &bare, &order_page).wanted(1.5)],
    );
    compare(
        "a list of 50 clients with the numbers of their orders",
        CONNECTIONS,
        &[Side::new("the server", &ours, &client_page), Side::new("two queries", &bare, &client_page)],
    );
    compare(
        "the same as a page of HTML",
        CONNECTIONS,
        &[Side::new("the server", &ours, &client_html), Side::new("two queries, JSON", &bare, &client_page)],
    );
    creations();
    println!("\nresident memory of the server after that: {:.1} MiB", ours.resident_mib());
    for round in 1..=2 {
        let [ours, bare] = [(&ours, "/api/orders/"), (&bare, "/everything")]
            .map(|(side, path)| whole(side.address, path, Duration::MAX));
        println!(
            "all orders, round {round}: {:.0} MB in {:.1} s; one query {:.0} MB in {:.1} s; {:.2}",
            ours.bytes as f64 / 1e6,
            ours.time.as_secs_f64(),
            bare.bytes as f64 / 1e6,
            bare.time.as_secs_f64(),
            bare.time.as_secs_f64() / ours.time.as_secs_f64()
        );
    }
}

fn page(records: &str) -> String {
    format!("/api/{records}/?limit={LIMIT}")
}

/// The two sides do the same work only where they answer the same.
fn same_answers(ours: &Running, bare: &Running, paths: &[String]) {
    for path in paths.iter().step_by(97) {
        assert_eq!(json(ours.address, path), json(bare.address, path));
    }
    for records in ["orders", "clients"] {
        assert_eq!(json(ours.address, &page(records))["data"], json(bare.address, &page(records))["data"]);
    }
}

fn creations() {
    let file = small("creations.db");
    let servers = [server(&file), Running::bare([file.as_os_str(), READERS.as_ref()]), quiet(&file)];
    let requests = Requests::send("201", move |n| {
        ("POST /api/orders/".to_owned(), format!(r#"{{"order_number":"NEW-{n}","status":"received"}}"#))
    });
    compare(
        "`POST` of an order, with its event",
        CONNECTIONS,
        &[
            Side::new("the server", &servers[0], &requests),
            Side::new("a transaction", &servers[1], &requests).wanted(2.0),
            Side::new("the server, `--log warn --audit off`", &servers[2], &requests).wanted(0.95),
        ],
    );
}

fn quiet(file: &Path) -> Running {
    server_with(file, |command| {
        command.args(["--log", "warn", "--audit", "off"]);
    })
}
