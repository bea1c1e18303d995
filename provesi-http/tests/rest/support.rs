//! The router over a store in memory and a clock that a test can hold, and requests that read as one line.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use http_body_util::BodyExt;
use provesi_core::{App, Clock, Timestamp};
use provesi_http::HttpOptions;
use provesi_testkit::{Faults, FaultyStore, MemoryStore};
use serde_json::Value;
use tower::ServiceExt;

use crate::log;

pub(crate) struct Bench {
    /// What goes wrong in the store of clients, and in that of orders.
    pub(crate) clients: Faults,
    pub(crate) orders: Faults,
    /// What both keep their records in.
    pub(crate) memory: MemoryStore,
    pub(crate) app: App,
    pub(crate) router: Router,
}

/// A clock that goes on by a millisecond each time it is looked at.
#[derive(Debug)]
struct Ticking(AtomicI64);

impl Clock for Ticking {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.0.fetch_add(1_000, Ordering::SeqCst)).unwrap()
    }
}

/// 2026-11-24T03:56:37Z, where the clock starts.
const START: i64 = 1_795_492_597_000_000;

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) bytes: Bytes,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.bytes).unwrap_or_else(|error| panic!("{error}: {:?}", self.bytes))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Status and code of an error.
    pub(crate) fn error(&self) -> (u16, String) {
        (self.status.as_u16(), self.json()["code"].as_str().unwrap_or_default().to_owned())
    }

    /// `type` and `loc` of each fault, as `type loc.loc`.
    pub(crate) fn faults(&self) -> Vec<String> {
        assert_eq!(self.status, 422, "{:?}", self.bytes);
        let json = self.json();
        let loc = |fault: &Value| {
            let steps = fault["loc"].as_array().unwrap().iter();
            steps
                .map(|step| step.as_str().map_or_else(|| step.to_string(), str::to_owned))
                .collect::<Vec<_>>()
                .join(".")
        };
        let faults = json["detail"].as_array().unwrap().iter();
        faults.map(|fault| format!("{} {}", fault["type"].as_str().unwrap(), loc(fault))).collect()
    }
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(HttpOptions::default())
    }

    pub(crate) fn with(options: HttpOptions) -> Self {
        Self::over(options, |app| app)
    }

    /// With what else `dress` gives the application.
    pub(crate) fn over(options: HttpOptions, dress: impl FnOnce(App) -> App) -> Self {
        Self::build(MemoryStore::new(), options, dress)
    }

    /// As another process on the same store.
    pub(crate) fn on(memory: MemoryStore) -> Self {
        Self::build(memory, HttpOptions::default(), |app| app)
    }

    fn build(memory: MemoryStore, options: HttpOptions, dress: impl FnOnce(App) -> App) -> Self {
        log::start();
        let (client_store, clients) = FaultyStore::new(memory.clone());
        let (order_store, orders) = FaultyStore::new(memory.clone());
        let clock = Arc::new(Ticking(AtomicI64::new(START)));
        let app = App::new(Arc::new(client_store), Arc::new(order_store)).with_clock(clock);
        let app = dress(app);
        let router = provesi_http::router_with(app.clone(), options);
        Self { clients, orders, memory, app, router }
    }

    /// Sends a request, to `localhost` unless it says to which host.
    pub(crate) async fn send(&self, mut request: Request<Body>) -> Answer {
        request.headers_mut().entry("host").or_insert(HeaderValue::from_static("localhost"));
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        Answer { status: parts.status, headers: parts.headers, bytes: body.collect().await.unwrap().to_bytes() }
    }

    pub(crate) async fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = Request::builder().method(method).uri(path);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        self.send(request.body(body.into()).unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, &[], "").await
    }

    pub(crate) async fn post(&self, path: &str, body: &str) -> Answer {
        self.call("POST", path, &[("content-type", "application/json")], body.to_owned()).await
    }

    pub(crate) async fn put(&self, path: &str, body: &str) -> Answer {
        self.call("PUT", path, &[("content-type", "application/json")], body.to_owned()).await
    }

    /// Makes a client and gives its id.
    pub(crate) async fn client(&self, name: &str, email: &str) -> String {
        let body = serde_json::json!({ "name": name, "email": email }).to_string();
        let made = self.post("/api/clients/", &body).await;
        assert_eq!(made.status, 201, "{:?}", made.bytes);
        made.json()["data"]["id"].as_str().unwrap().to_owned()
    }

    /// Makes an order and gives its `ETag`.
    pub(crate) async fn order(&self, number: &str, client: Option<&str>) -> String {
        let body = serde_json::json!({ "order_number": number, "client_id": client }).to_string();
        let made = self.post("/api/orders/", &body).await;
        assert_eq!(made.status, 201, "{:?}", made.bytes);
        made.header("etag").to_owned()
    }
}
