//! Reads everything after a run.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use reqwest::{Client, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::history::{EndState, Event, History, Op, Order, folded};
use super::process::ServerProcess;

/// How soon all is well once every process runs again.
const RECOVERY: Duration = Duration::from_secs(60);

/// How long one answer may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How many requests are on their way at the same time.
const LANES: usize = 16;

/// Waits until the server reads and writes both stores.
pub(super) async fn wait_until_healthy(server: &ServerProcess) {
    let started = Instant::now();
    loop {
        let answer = server.client.get(format!("http://{}/api/health", server.address)).timeout(TIMEOUT).send().await;
        let health: Value = match answer {
            Ok(answer) => answer.json().await.unwrap_or_default(),
            Err(_) => Value::Null,
        };
        let services = [&health["services"]["clients"]["status"], &health["services"]["orders"]["status"]];
        if services.iter().all(|status| *status == "ok") {
            return;
        }
        assert!(started.elapsed() < RECOVERY, "not healthy: {health}; the server's log: {}", server.log_end());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub(super) async fn read(server: &ServerProcess, history: &History) -> EndState {
    let base = format!("http://{}", server.address);
    let client = server.client.clone();
    let clients = list(&client, &format!("{base}/api/clients/")).await;
    let all_orders = format!("{base}/api/orders/");
    let mut orders: Vec<Order> = list(&client, &all_orders).await;
    // The server may have work of its own after a start: what was read has to hold still meanwhile.
    let (events, read) = loop {
        let numbers_there = orders.iter().map(|order| order.state.number.clone()).collect();
        let read = tokio::join!(
            in_lanes(numbers(history), |number| events(&client, &base, number)),
            in_lanes(numbers_there, |number| order(&client, &base, number)),
        );
        let before = std::mem::replace(&mut orders, list(&client, &all_orders).await);
        if before == orders {
            break read;
        }
    };
    // What a list and the record itself show is the same, but only the record has a version.
    let read: BTreeMap<i64, Order> =
        read.into_iter().filter_map(|(_, order)| Some((order.as_ref()?.id, order?))).collect();
    for order in &mut orders {
        if let Some(alone) = read.get(&order.id).filter(|alone| alone.state == order.state) {
            order.etag.clone_from(&alone.etag);
        }
    }
    EndState { orders, clients, events: events.into_iter().collect() }
}

/// Every number that a call named, in one spelling each.
fn numbers(history: &History) -> Vec<String> {
    let mut numbers = BTreeSet::new();
    for call in &history.calls {
        match &call.op {
            Op::CreateOrder { order } => drop(numbers.insert(folded(&order.number))),
            Op::EditOrder { number, change, .. } => {
                numbers.insert(folded(number));
                numbers.extend(change.number.as_deref().map(folded));
            }
            Op::DeleteOrder { number, .. } => drop(numbers.insert(folded(number))),
            _ => {}
        }
    }
    numbers.into_iter().collect()
}

async fn in_lanes<T, F: Future<Output = T>>(numbers: Vec<String>, read: impl Fn(String) -> F) -> Vec<(String, T)> {
    let work = std::sync::Mutex::new(numbers.into_iter());
    let next = || work.lock().expect("nobody panics with it").next();
    let lane = async || {
        let mut done = Vec::new();
        while let Some(number) = next() {
            done.push((number.clone(), read(number).await));
        }
        done
    };
    futures_util::future::join_all((0..LANES).map(|_| lane())).await.into_iter().flatten().collect()
}

async fn list<T: DeserializeOwned>(client: &Client, url: &str) -> Vec<T> {
    let (status, mut body) = get(client, url).await;
    assert_eq!(status, StatusCode::OK, "{url}: {body}");
    assert!(body.get("warnings").is_none(), "{url}: {}", body["warnings"]);
    serde_json::from_value(body["data"].take()).expect("a list of records")
}

async fn order(client: &Client, base: &str, number: String) -> Option<Order> {
    let answer =
        client.get(format!("{base}/api/orders/{number}")).timeout(TIMEOUT).send().await.expect("the server answers");
    let etag = answer.headers().get("etag").and_then(|etag| etag.to_str().ok()).map(str::to_owned);
    let mut body: Value = answer.json().await.expect("JSON");
    let mut order: Order = serde_json::from_value(body["data"].take()).ok()?;
    order.etag = etag;
    Some(order)
}

async fn events(client: &Client, base: &str, number: String) -> Vec<Event> {
    let mut all = Vec::new();
    let mut after = String::new();
    loop {
        let url = format!("{base}/api/orders/{number}/history?limit=1000{after}");
        let (status, mut body) = get(client, &url).await;
        if status == StatusCode::NOT_FOUND {
            return all;
        }
        assert_eq!(status, StatusCode::OK, "{url}: {body}");
        let page: Vec<Event> = serde_json::from_value(body["data"].take()).expect("a list of events");
        all.extend(page);
        match &body["next_cursor"] {
            Value::Null => return all,
            next => after = format!("&after={next}"),
        }
    }
}

async fn get(client: &Client, url: &str) -> (StatusCode, Value) {
    let answer = client.get(url).timeout(TIMEOUT).send().await.expect("the server answers");
    let status = answer.status();
    (status, answer.json().await.expect("JSON"))
}
