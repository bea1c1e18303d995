//! The server against bare handlers that make the same queries.

use std::process::{Command, Stdio};
use std::time::Duration;

use crate::ask::json;
use crate::bodies::STATUSES;
use crate::compare::{CONNECTIONS, Side, compare, print_head};
use crate::data::{client_id, fill};
use crate::load::Requests;
use crate::process::Running;
use crate::servers::Pair;

const CLIENTS: u32 = 5_000;
const ORDERS: u32 = 100_000;

/// How many orders a page of a list has.
pub(crate) const LIMIT: usize = 50;

/// The statuses that an order can be given without more.
const STATUSES_OF_CHANGES: [&str; 4] = [STATUSES[0].0, STATUSES[1].0, STATUSES[2].0, STATUSES[3].0];

pub(crate) fn measure() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let pair = runtime.block_on(async {
        let pair = Pair::start().await;
        fill(&pair, CLIENTS, ORDERS).await;
        pair
    });
    let mut migrate = Command::new(provesi_tests::server_binary(true));
    migrate.args(["migrate", "--log", "warn", "--clients", pair.clients(), "--orders", pair.orders()]);
    assert!(migrate.stdout(Stdio::null()).status().expect("the server's migrate runs").success());
    let server = |arguments: &[&str]| {
        Running::server(pair.clients(), pair.orders(), |command| {
            command.args(arguments);
        })
    };
    let (ours, quiet) = (server(&[]), server(&["--log", "warn", "--audit", "off"]));
    let bare = Running::bare([pair.orders(), pair.clients()]);
    // Until the integrity checks after the start are over.
    std::thread::sleep(Duration::from_secs(8));

    // Every twentieth order has no client. What MongoDB takes of a request hides what we do: so the same without it.
    let (without, with): (Vec<u32>, Vec<u32>) =
        (1..=ORDERS).filter(|n| n % 20 == 0 || n % 7 == 0).partition(|n| n % 20 == 0);
    let paths = |place: &str, numbers: &[u32]| -> Vec<String> {
        numbers.iter().map(|n| format!("{place}/orders/ORD-{n:08}")).collect()
    };
    same_answers(&ours, &bare, &paths("/api", &without));
    same_answers(&ours, &bare, &paths("/api", &with));
    let reads = |numbers| Requests::get(paths("/api", numbers));
    let (with_client, without_client) = (reads(&with), reads(&without));
    let tokio_postgres = Requests::get(paths("/tokio-postgres", &without));
    let (page, html) = (Requests::get([PAGE]), Requests::get(["/orders/"]));

    print_head();
    compare(
        "`GET` of an order without a client",
        CONNECTIONS,
        &[
            Side::new("the server", &ours, &without_client),
            Side::new("tokio-postgres", &bare, &tokio_postgres).wanted(1.0),
            Side::new("sqlx", &bare, &without_client),
        ],
    );
    compare(
        "the same, one connection",
        1,
        &[
            Side::new("the server", &ours, &without_client),
            Side::new("tokio-postgres", &bare, &tokio_postgres),
            Side::new("sqlx", &bare, &without_client).wanted(0.91),
        ],
    );
    compare(
        "`GET` of an order with its client",
        CONNECTIONS,
        &[Side::new("the server", &ours, &with_client), Side::new("sqlx", &bare, &with_client).wanted(1.5)],
    );
    // A return has a reason, which a change of the status clears.
    let changes = changes(without.into_iter().filter(|n| n % 17 > 0).collect());
    compare(
        "`PUT` of a status, with its event",
        CONNECTIONS,
        &[Side::new("the server", &ours, &changes), Side::new("a transaction", &bare, &changes).wanted(1.5)],
    );
    let [created, in_transaction] = ["/api", "/transaction"].map(|place| creations(place, false));
    compare(
        "`POST` of an order without a client, with its event",
        CONNECTIONS,
        &[
            Side::new("the server", &ours, &created),
            Side::new("one statement", &bare, &created).wanted(2.0),
            Side::new("a transaction", &bare, &in_transaction).wanted(3.0),
            Side::new("the server, `--log warn --audit off`", &quiet, &created).wanted(0.95),
        ],
    );
    let [created, in_transaction] = ["/api", "/transaction"].map(|place| creations(place, true));
    compare(
        "the same for a client",
        CONNECTIONS,
        &[
            Side::new("the server", &ours, &created),
            Side::new("one statement", &bare, &created),
            Side::new("a transaction", &bare, &in_transaction),
        ],
    );
    compare(
        "a list of 50 orders with their clients",
        CONNECTIONS,
        &[Side::new("the server", &ours, &page), Side::new("sqlx", &bare, &page).wanted(1.0)],
    );
    compare(
        "the same as a page of HTML",
        CONNECTIONS,
        &[Side::new("the server", &ours, &html), Side::new("sqlx, JSON", &bare, &page).wanted(1.0)],
    );
    println!("\nresident memory of the server after that: {:.1} MiB", ours.resident_mib());
}

const PAGE: &str = "/api/orders/?limit=50";

/// The two sides do the same work only where they answer the same.
fn same_answers(ours: &Running, bare: &Running, paths: &[String]) {
    for path in paths.iter().step_by(97) {
        let ours = json(ours.address, path);
        assert_eq!(ours, json(bare.address, path));
        assert_eq!(ours, json(bare.address, &path.replace("/api", "/tokio-postgres")));
    }
    assert_eq!(json(ours.address, PAGE)["data"], json(bare.address, PAGE)["data"]);
}

/// New orders, each with a number of its own, for clients that are there or for nobody.
fn creations(place: &'static str, with_client: bool) -> Requests {
    Requests::send("201", move |n| {
        let kind = if place == "/api" { "NEW" } else { "TRA" };
        let body = if with_client {
            let client = client_id(u32::try_from(n * 7_919 % u64::from(CLIENTS)).unwrap_or(0));
            format!(r#"{{"order_number":"{kind}-{n:09}","client_id":"{client}","status":"received"}}"#)
        } else {
            format!(r#"{{"order_number":"{kind}-OWN-{n:09}","status":"received"}}"#)
        };
        (format!("POST {place}/orders/"), body)
    })
}

/// Changes of one order after the other: another status each time.
fn changes(numbers: Vec<u32>) -> Requests {
    Requests::send("200", move |n| {
        let n = usize::try_from(n).unwrap_or(0);
        let status = STATUSES_OF_CHANGES[n / numbers.len() % STATUSES_OF_CHANGES.len()];
        let number = numbers[n % numbers.len()];
        (format!("PUT /api/orders/ORD-{number:08}"), format!(r#"{{"status":"{status}"}}"#))
    })
}
