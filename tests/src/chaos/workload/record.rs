//! One call over HTTP, and what it is recorded as.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::{Client, RequestBuilder, Response};
use serde_json::Value;

use super::super::history::{Call, Fault, History, Op, Outcome, Shown, WriteElsewhere, actor};
use super::super::process::CALL_HEADER;

/// Collects calls and faults, and is the clock of a run.
pub(in super::super) struct Recorder {
    started: Instant,
    next: AtomicU64,
    history: Mutex<History>,
    verbose: bool,
}

impl Recorder {
    pub(in super::super) fn new(verbose: bool) -> Self {
        Self { started: Instant::now(), next: AtomicU64::new(1), history: Mutex::default(), verbose }
    }

    /// Prints what happens, where that is wanted.
    pub(in super::super) fn log(&self, what: &str) {
        if self.verbose {
            eprintln!("{:8.3} s: {what}", self.started.elapsed().as_secs_f64());
        }
    }

    /// Microseconds since the start.
    pub(in super::super) fn now(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_micros()).expect("a run is shorter than 500,000 years")
    }

    pub(in super::super) fn next_id(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    fn history<T>(&self, with: impl FnOnce(&mut History) -> T) -> T {
        with(&mut self.history.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn add(&self, call: Call) {
        self.history(|history| history.calls.push(call));
    }

    pub(in super::super) fn add_elsewhere(&self, write: WriteElsewhere) {
        self.history(|history| history.elsewhere.push(write));
    }

    /// Notes a fault that began then and is over now.
    pub(in super::super) fn fault(&self, what: &str, from: u64) {
        self.log(&format!("{what}, over"));
        let fault = Fault { what: what.to_owned(), from, until: self.now() };
        self.history(|history| history.faults.push(fault));
    }

    /// All that was recorded, in the order of ids.
    pub(in super::super) fn take(&self) -> History {
        let mut history = self.history(std::mem::take);
        history.calls.sort_by_key(|call| call.id);
        history
    }
}

pub(super) async fn send(client: &Client, base: &str, recorder: &Recorder, id: u64, op: Op, timeout: Duration) -> Call {
    let request = request(client, base, &op).header(CALL_HEADER, actor(id)).timeout(timeout);
    let invoked = recorder.now();
    let outcome = match request.send().await {
        Ok(answer) => outcome(answer, &op).await,
        // Refused at the port: no byte of the request was sent. A connection that takes too long may yet carry it.
        Err(error) if error.is_connect() && !error.is_timeout() => Outcome::NotSent,
        Err(error) => Outcome::Unknown { why: cause(&error) },
    };
    Call { id, invoked, returned: recorder.now(), op, outcome }
}

fn request(client: &Client, base: &str, op: &Op) -> RequestBuilder {
    let orders = |number: &str| format!("{base}/api/orders/{number}");
    let clients = |id: &str| format!("{base}/api/clients/{id}");
    let (request, if_match) = match op {
        Op::CreateOrder { order } => (client.post(orders("")).json(order), &None),
        Op::EditOrder { number, change, if_match } => (client.put(orders(number)).json(change), if_match),
        Op::DeleteOrder { number, if_match } => (client.delete(orders(number)), if_match),
        Op::ReadOrder { number } => (client.get(orders(number)), &None),
        Op::ListOrders => (client.get(orders("?limit=50")), &None),
        Op::CreateClient { client: fields } => (client.post(clients("")).json(fields), &None),
        Op::EditClient { id, change, if_match } => (client.put(clients(id)).json(change), if_match),
        Op::DeleteClient { id, if_match } => (client.delete(clients(id)), if_match),
        Op::ReadClient { id } => (client.get(clients(id)), &None),
        Op::ListClients => (client.get(clients("?limit=20")), &None),
    };
    match if_match {
        Some(etag) => request.header("if-match", etag),
        None => request,
    }
}

async fn outcome(answer: Response, op: &Op) -> Outcome {
    let status = answer.status();
    let etag = answer.headers().get("etag").and_then(|etag| etag.to_str().ok()).map(str::to_owned);
    let text = match answer.text().await {
        Ok(text) => text,
        Err(error) => return Outcome::Unknown { why: cause(&error) },
    };
    let body: Value = serde_json::from_str(&text).unwrap_or_default();
    match status.as_u16() {
        200..300 => match shown(&body, op, etag) {
            Ok(shown) => Outcome::Done { shown, degraded: body.get("warnings").is_some() },
            Err(error) => Outcome::Failed { body: format!("{status}, {error}: {text}") },
        },
        504 => Outcome::Unknown { why: body["code"].to_string() },
        status @ (400..500 | 503) => {
            Outcome::Refused { status, code: body["code"].as_str().unwrap_or_default().to_owned() }
        }
        _ => Outcome::Failed { body: format!("{status}: {text}") },
    }
}

fn shown(body: &Value, op: &Op, etag: Option<String>) -> Result<Shown, serde_json::Error> {
    let data = body["data"].clone();
    let mut shown = match op {
        Op::DeleteOrder { .. } | Op::DeleteClient { .. } => Shown::Nothing,
        Op::ListOrders => Shown::Orders(serde_json::from_value(data)?),
        Op::ListClients => Shown::Clients(serde_json::from_value(data)?),
        Op::CreateOrder { .. } | Op::EditOrder { .. } | Op::ReadOrder { .. } => {
            Shown::Orders(vec![serde_json::from_value(data)?])
        }
        Op::CreateClient { .. } | Op::EditClient { .. } | Op::ReadClient { .. } => {
            Shown::Clients(vec![serde_json::from_value(data)?])
        }
    };
    if etag.is_some() {
        match &mut shown {
            Shown::Orders(orders) => orders.iter_mut().for_each(|order| order.etag.clone_from(&etag)),
            Shown::Clients(clients) => clients.iter_mut().for_each(|client| client.etag.clone_from(&etag)),
            Shown::Nothing => {}
        }
    }
    Ok(shown)
}

/// The innermost reason.
fn cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
