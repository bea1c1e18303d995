//! Faults that are planted in a running system, and found: exactly those.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use provesi_tests::chaos::check::Kind;
use provesi_tests::chaos::history::{EventKind, Op};
use provesi_tests::chaos::{NemesisOptions, Round, RoundOptions, Stores};
use provesi_tests::tested_server;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{Connection, SqliteConnection};

/// A round of one process with a few kills.
fn options() -> RoundOptions {
    let mut options = RoundOptions::new(rand::random::<u32>().into(), Duration::from_secs(8));
    (options.servers, options.clients, options.elsewhere) = (1, 32, false);
    options.nemesis = Some(NemesisOptions { server_calm: (1500, 2500), ..NemesisOptions::default() });
    options
}

#[derive(Clone)]
struct Proxy {
    upstream: SocketAddr,
    client: reqwest::Client,
    fault: fn(&Method, StatusCode) -> bool,
    planted: &'static AtomicBool,
}

/// Leads to the server, and once sends a call again without its `If-Match`, or forges its answer.
fn proxy(upstream: SocketAddr, planted: &'static AtomicBool, fault: fn(&Method, StatusCode) -> bool) -> SocketAddr {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let address = listener.local_addr().unwrap();
    let proxy = Proxy { upstream, client: reqwest::Client::new(), fault, planted };
    let router = Router::new().fallback(pass).with_state(proxy);
    tokio::spawn(async move {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        axum::serve(listener, router).await.unwrap();
    });
    address
}

async fn pass(State(proxy): State<Proxy>, request: Request) -> Response {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let url = format!("http://{}{}", proxy.upstream, head.uri);
    let of_orders = head.uri.path().starts_with("/api/orders/");
    // A deletion is swallowed before it is sent.
    let swallows = head.method == Method::DELETE && of_orders && (proxy.fault)(&head.method, StatusCode::OK);
    if swallows && !proxy.planted.swap(true, Ordering::Relaxed) {
        return ([(header::CONTENT_TYPE, "application/json")], r#"{"status":"success"}"#).into_response();
    }
    let mut headers = head.headers;
    headers.remove(header::HOST);
    let send = |headers| proxy.client.request(head.method.clone(), &url).headers(headers).body(body.clone()).send();
    let mut answer = send(headers.clone()).await;
    // A change to what is there already would overwrite nothing; a reason that names its call never is.
    let changes = body.windows(5).any(|part| part == b"call-");
    if let Ok(first) = &answer
        && of_orders
        && changes
        && (proxy.fault)(&head.method, first.status())
        && !proxy.planted.swap(true, Ordering::Relaxed)
    {
        headers.remove(header::IF_MATCH);
        answer = send(headers).await;
        // Gone or down meanwhile: another one will do.
        let made = answer.as_ref().is_ok_and(|answer| answer.status().is_success());
        proxy.planted.store(made, Ordering::Relaxed);
    }
    // What happened upstream is not known: neither is it to the caller.
    let Ok(answer) = answer else { return StatusCode::GATEWAY_TIMEOUT.into_response() };
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    headers.remove(header::TRANSFER_ENCODING);
    match answer.bytes().await {
        Ok(body) => (status, headers, Body::from(body)).into_response(),
        Err(_) => StatusCode::GATEWAY_TIMEOUT.into_response(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_update_is_found() {
    static PLANTED: AtomicBool = AtomicBool::new(false);
    let mut options = options();
    options.through = Some(|server| {
        proxy(server, &PLANTED, |method, status| method == Method::PUT && status == StatusCode::PRECONDITION_FAILED)
    });
    let (_, violations) = Round::run(tested_server(), Stores::OneFile, &options).await.finish().await;
    assert!(PLANTED.load(Ordering::Relaxed), "no two edits met");
    let kinds: Vec<_> = violations.iter().map(|violation| violation.kind).collect();
    assert_eq!(kinds, [Kind::LostUpdate], "{violations:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_acknowledged_deletion_that_was_swallowed_is_found() {
    static PLANTED: AtomicBool = AtomicBool::new(false);
    let mut options = options();
    options.through = Some(|server| proxy(server, &PLANTED, |method, _| method == Method::DELETE));
    let (_, violations) = Round::run(tested_server(), Stores::OneFile, &options).await.finish().await;
    assert!(PLANTED.load(Ordering::Relaxed), "nobody deleted");
    let kinds: Vec<_> = violations.iter().map(|violation| violation.kind).collect();
    assert_eq!(kinds, [Kind::LostWrite], "{violations:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_event_is_found() {
    let round = Round::run(tested_server(), Stores::OneFile, &options()).await;
    let options = SqliteConnectOptions::new().filename(round.file.as_ref().unwrap());
    let mut connection = SqliteConnection::connect_with(&options).await.unwrap();
    // The last of its order: without one in the middle, the next edit may look like one that was lost.
    let last_events = "SELECT max(id), actor, detail FROM order_events GROUP BY order_id ORDER BY 1";
    let events: Vec<(i64, String, String)> = sqlx::query_as(last_events).fetch_all(&mut connection).await.unwrap();
    // One that an acknowledged edit left.
    let edits: HashMap<String, _> = round
        .history()
        .calls
        .iter()
        .filter(|call| call.is_done() && matches!(&call.op, Op::EditOrder { change, .. } if change.reason.is_some()))
        .map(|call| (format!("user:{}", call.actor()), call))
        .collect();
    let of_an_edit = |(_, actor, detail): &&(i64, String, String)| {
        let kind: EventKind = serde_json::from_str(detail).unwrap();
        edits.contains_key(actor) && matches!(kind, EventKind::Returned { .. } | EventKind::ReasonChanged { .. })
    };
    let events: Vec<_> = events.iter().filter(of_an_edit).collect();
    let (id, actor, _) = events[events.len() / 2];
    sqlx::query("DELETE FROM order_events WHERE id = ?").bind(id).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    let (_, violations) = round.finish().await;
    let kinds: Vec<_> = violations.iter().map(|violation| violation.kind).collect();
    assert_eq!(kinds, [Kind::MissingEvent], "{violations:?}");
    assert!(violations[0].what.contains(actor.strip_prefix("user:").unwrap()), "{violations:?}");
}
