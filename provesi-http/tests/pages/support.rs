//! A browser over the router: it keeps cookies, fills in forms and follows redirects, as far as the tests need it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use provesi_core::{App, Clock, StatusFlow, Timestamp};
use provesi_http::{HttpOptions, PageOptions, SecretKey};
use provesi_testkit::{Faults, FaultyStore, MemoryStore};
use tower::ServiceExt;

pub(crate) struct Bench {
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

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(StatusFlow::any(), |_| {})
    }

    pub(crate) fn with(flow: StatusFlow, choose: impl Fn(&mut HttpOptions)) -> Self {
        let memory = MemoryStore::new();
        let (client_store, clients) = FaultyStore::new(memory.clone());
        let (order_store, orders) = FaultyStore::new(memory.clone());
        let clock = Arc::new(Ticking(AtomicI64::new(START)));
        let app = App::new(Arc::new(client_store), Arc::new(order_store)).with_clock(clock).with_flow(flow);
        let mut options = HttpOptions::default();
        let mut pages = PageOptions::default();
        pages.secret_key = SecretKey::new(&[7; 32]).unwrap();
        options.hosts = "bodega.test".parse().unwrap();
        options.pages = Some(pages);
        choose(&mut options);
        let router = provesi_http::router_with(app.clone(), options);
        Self { clients, orders, memory, app, router }
    }

    pub(crate) fn browser(&self) -> Browser {
        Browser { router: self.router.clone(), cookies: Mutex::default() }
    }

    /// Makes a record over the API, and gives it.
    pub(crate) async fn made(&self, path: &str, body: serde_json::Value) -> serde_json::Value {
        self.api(path, body).await["data"].clone()
    }

    async fn api(&self, path: &str, body: serde_json::Value) -> serde_json::Value {
        let request = Request::post(path)
            .header("host", "bodega.test")
            .header("content-type", "application/json")
            .body(Body::from(body.to_string()));
        let answer = self.router.clone().oneshot(request.unwrap()).await.unwrap();
        assert_eq!(answer.status(), 201);
        serde_json::from_slice(&answer.into_body().collect().await.unwrap().to_bytes()).unwrap()
    }

    /// Makes a client and gives its id.
    pub(crate) async fn client(&self, name: &str, email: &str) -> String {
        let made = self.api("/api/clients/", serde_json::json!({ "name": name, "email": email })).await;
        made["data"]["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn order(&self, number: &str, client: Option<&str>) {
        self.api("/api/orders/", serde_json::json!({ "order_number": number, "client_id": client })).await;
    }

    /// An order as the API tells it; `null` where there is none.
    pub(crate) async fn stored_order(&self, number: &str) -> serde_json::Value {
        self.browser().get(&format!("/api/orders/{number}")).await.json()["data"].clone()
    }

    pub(crate) async fn stored_client(&self, id: &str) -> serde_json::Value {
        self.browser().get(&format!("/api/clients/{id}")).await.json()["data"].clone()
    }

    /// How many orders there are.
    pub(crate) async fn count(&self, path: &str) -> usize {
        self.browser().get(path).await.json()["data"].as_array().unwrap().len()
    }
}

/// A browser with its cookies.
pub(crate) struct Browser {
    pub(crate) router: Router,
    cookies: Mutex<BTreeMap<String, String>>,
}

#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// Status and `Location`.
    pub(crate) fn led(&self) -> (u16, &str) {
        (self.status.as_u16(), self.header("location"))
    }

    #[track_caller]
    pub(crate) fn has(&self, text: &str) -> &Self {
        assert!(self.text.contains(text), "{text:?} is not in {}", self.text);
        self
    }

    #[track_caller]
    pub(crate) fn lacks(&self, text: &str) -> &Self {
        assert!(!self.text.contains(text), "{text:?} is in {}", self.text);
        self
    }

    /// What stands between two texts, the first time.
    pub(crate) fn between(&self, before: &str, after: &str) -> Option<&str> {
        let rest = &self.text[self.text.find(before)? + before.len()..];
        Some(&rest[..rest.find(after)?])
    }

    /// The value of a hidden field.
    pub(crate) fn hidden(&self, name: &str) -> String {
        let found = self.between(&format!("<input type=\"hidden\" name=\"{name}\" value=\""), "\"");
        found.unwrap_or_else(|| panic!("no {name} in {}", self.text)).to_owned()
    }
}

impl Browser {
    pub(crate) async fn send(&self, request: axum::http::request::Builder, body: impl Into<Body>) -> Answer {
        let cookie = {
            let cookies = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
            cookies.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
        };
        let request = if cookie.is_empty() { request } else { request.header("cookie", cookie) };
        let answer = self.router.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap();
        let (parts, body) = answer.into_parts();
        for set in parts.headers.get_all("set-cookie") {
            let set = set.to_str().unwrap();
            let (name, value) = set.split(';').next().unwrap().split_once('=').unwrap();
            let mut cookies = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
            if set.contains("Max-Age=0") {
                cookies.remove(name);
            } else {
                cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        let bytes = body.collect().await.unwrap().to_bytes();
        Answer { status: parts.status, headers: parts.headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).header("host", "bodega.test"), "").await
    }

    /// Sends fields as they are.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.post_with(path, &[("origin", "http://bodega.test")], fields).await
    }

    pub(crate) async fn post_with(&self, path: &str, headers: &[(&str, &str)], fields: &[(&str, &str)]) -> Answer {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let request = Request::post(path)
            .header("host", "bodega.test")
            .header("content-type", "application/x-www-form-urlencoded");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        self.send(request, body).await
    }

    /// Opens a form and gives the token in it.
    pub(crate) async fn token(&self, path: &str) -> String {
        self.get(path).await.hidden("csrfmiddlewaretoken")
    }

    /// Opens a form, fills it in and sends it.
    pub(crate) async fn fill(&self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let form = self.get(path).await;
        self.refill(path, &form, fields).await
    }

    /// Fills in a form that is open, and sends it with its token and its version.
    pub(crate) async fn refill(&self, path: &str, form: &Answer, fields: &[(&str, &str)]) -> Answer {
        let token = form.hidden("csrfmiddlewaretoken");
        let version = form.text.contains("name=\"version\"").then(|| form.hidden("version"));
        let mut all = vec![("csrfmiddlewaretoken", token.as_str())];
        all.extend(version.as_deref().map(|version| ("version", version)));
        all.extend_from_slice(fields);
        self.post(path, &all).await
    }

    /// Presses a button on the page of an order.
    pub(crate) async fn press(&self, number: &str, status: &str) {
        let page = self.get(&format!("/orders/{number}/")).await;
        let moved = self.refill(&format!("/orders/{number}/status/"), &page, &[("status", status)]).await;
        assert_eq!(moved.status, 302, "{}", moved.text);
    }

    pub(crate) fn cookies(&self) -> BTreeMap<String, String> {
        self.cookies.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set_cookie(&self, name: &str, value: &str) {
        self.cookies.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), value.to_owned());
    }
}
