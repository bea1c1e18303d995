//! One order with its client, and one order made with its event: the server against a bare handler that makes the same
//! queries.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::ask::json;
use crate::data::{client_id, fill};
use crate::load::{CONNECTIONS, Requests, gets, in_turns, run};
use crate::process::Running;
use crate::servers::Pair;
use crate::shares::{PARTS, processor_time};

const CLIENTS: u32 = 5_000;
const ORDERS: u32 = 100_000;

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

    // Every twentieth order has no client. What MongoDB takes of a request hides what we do: so the same without it.
    let (without, with): (Vec<u32>, Vec<u32>) =
        (1..=ORDERS).filter(|n| n % 20 == 0 || n % 7 == 0).partition(|n| n % 20 == 0);
    let [without, with]: [Vec<String>; 2] =
        [without, with].map(|numbers| numbers.iter().map(|n| format!("/api/orders/ORD-{n:08}")).collect());
    same_answers(&pair, &without);
    same_answers(&pair, &with);
    let (get_with, get_without) = (Arc::new(gets(&with)), Arc::new(gets(&without)));
    let (post_with, post_without) = (Arc::new(posts(true)), Arc::new(posts(false)));
    for round in 1..=2 {
        compare("GET /api/orders/{number} with a client", round, &pair, &get_with);
        compare("POST /api/orders/ with a client", round, &pair, &post_with);
        compare("GET /api/orders/{number} without", round, &pair, &get_without);
        compare("POST /api/orders/ without", round, &pair, &post_without);
    }
}

fn sides(pair: &Pair) -> [Running; 2] {
    let sides = [Running::server(pair.clients(), pair.orders()), Running::bare([pair.orders(), pair.clients()])];
    // The integrity check that follows a start is to be over.
    std::thread::sleep(Duration::from_secs(5));
    sides
}

/// The two sides do the same work only where they answer the same.
fn same_answers(pair: &Pair, paths: &[String]) {
    let [ours, bare] = sides(pair);
    for path in paths.iter().step_by(97) {
        assert_eq!(json(ours.address, path), json(bare.address, path));
    }
}

/// New orders, each with a number of its own, for clients that are there or for nobody.
fn posts(with_client: bool) -> impl Requests {
    let next = AtomicU64::new(0);
    move |buffer| {
        let next = next.fetch_add(1, Ordering::Relaxed);
        let client = client_id(u32::try_from(next * 7_919 % u64::from(CLIENTS)).unwrap_or(0));
        let body = if with_client {
            format!(r#"{{"order_number":"NEW-{next:09}","client_id":"{client}","status":"received"}}"#)
        } else {
            format!(r#"{{"order_number":"OWN-{next:09}","status":"received"}}"#)
        };
        let head = "POST /api/orders/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length:";
        buffer.extend_from_slice(format!("{head} {}\r\n\r\n{body}", body.len()).as_bytes());
    }
}

fn compare(what: &str, round: u32, pair: &Pair, requests: &Arc<impl Requests>) {
    let sides = sides(pair);
    let mut spent = [[Duration::ZERO; 4]; 2];
    let mut answered = [0, 0];
    let rates = in_turns([sides[0].address, sides[1].address], |side, address, time| {
        let before = processor_time();
        let run = run(address, requests, time);
        for (part, (after, before)) in processor_time().into_iter().zip(before).enumerate() {
            spent[side][part] += after - before;
        }
        answered[side] += run.answers;
        run.per_second
    });
    println!(
        "{what}, {CONNECTIONS} connections, run {round}: {:.0}/s, bare handler {:.0}/s, {:.1} %",
        rates[0],
        rates[1],
        100.0 * rates[0] / rates[1]
    );
    for (side, name) in ["ours", "bare"].into_iter().enumerate() {
        let micros = |time: Duration| time.as_secs_f64() * 1e6 / f64::from(answered[side]);
        let parts: Vec<String> =
            PARTS.iter().zip(spent[side]).map(|(part, time)| format!("{part} {:.0}", micros(time))).collect();
        let all = micros(spent[side].iter().sum());
        println!("  processor time, {name}, µs a request: {}, in all {all:.0}", parts.join(", "));
    }
}
