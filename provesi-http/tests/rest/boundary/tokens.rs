//! Who is known as a service.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use provesi_http::HttpOptions;
use provesi_http::boundary::{Boundary, ServiceTokens};

use super::{INTERNAL, NO_TOKEN, OTHER, Peer, TOKEN, order};
use crate::log;
use crate::support::Bench;

/// API, pages, JSON beside the pages, documents, assets, no path at all.
const PATHS: [&str; 8] = [
    "/api/orders/",
    "/api/nothing",
    "/orders/",
    "/",
    "/clients/api/v1/6b050af58b3059b0f61239f2/",
    "/openapi.json",
    "/assets/provesi-x.js",
    "/nothing/at/all",
];

#[tokio::test]
async fn a_source_without_its_token_is_refused_on_every_path() {
    let bench = Peer::new().bench();
    let source = |name| ("x-microservice-source", name);
    let token = |token| ("x-service-token", token);
    let mut addresses = u32::from_be_bytes([198, 51, 100, 0]);
    for path in PATHS {
        for headers in [
            &[source("orders")][..],
            &[source("orders"), token("")],
            &[source("orders"), token("wrong")],
            &[source("orders"), token(&TOKEN[1..])],
            &[source("orders"), token(OTHER)],
            &[source("other"), token(TOKEN)],
            &[source("unknown"), token(TOKEN)],
            &[source("orders"), token(TOKEN), token(TOKEN)],
            &[source("orders"), token(TOKEN), token("wrong")],
            &[source("orders"), source("orders"), token(TOKEN)],
            &[source(""), token(TOKEN)],
            &[source("or ders"), token(TOKEN)],
            &[source("órdenes"), token(TOKEN)],
        ] {
            let request =
                headers.iter().fold(Request::get(path), |request, (name, value)| request.header(*name, *value));
            // Each from an address of its own, since failures slow an address down.
            addresses += 1;
            let peer = ConnectInfo(SocketAddr::from((addresses.to_be_bytes(), 4711)));
            let answer = bench.send(request.extension(peer).body(Body::empty()).unwrap()).await;
            answer.is(401, NO_TOKEN);
            assert_eq!(answer.header("content-type"), "application/json", "{path}");
            assert!(!answer.header("x-request-id").is_empty());
        }
        let known = bench.internal("GET", path, &[], "").await;
        assert_ne!(known.status, 401, "{path}");
        assert_eq!(known.status, bench.get(path).await.status, "{path}");
    }
    let body = order("A-1").to_string();
    bench.call("POST", "/api/orders/", &[source("orders")], body).await.is(401, NO_TOKEN);
    assert_eq!(bench.get("/api/orders/A-1").await.status, 404);
}

#[tokio::test]
async fn without_tokens_nobody_is_known_and_everybody_else_goes_on() {
    let bench = Bench::new();
    bench.internal("GET", "/api/orders/", &[], "").await.is(401, NO_TOKEN);
    bench.call("GET", "/api/orders/", &[("x-microservice-source", "orders")], "").await.is(401, NO_TOKEN);
    // A token alone makes no request internal.
    assert_eq!(bench.call("GET", "/api/orders/", &[("x-service-token", "x")], "").await.status, 200);
}

#[tokio::test]
async fn one_token_may_be_for_all_services() {
    let mut options = HttpOptions::default();
    options.boundary = Boundary::new(ServiceTokens::default().with_shared(TOKEN).unwrap());
    let bench = Bench::with(options);
    for name in ["orders", "clients", "x.y_z-1"] {
        let headers = [("x-microservice-source", name), ("x-service-token", TOKEN)];
        assert_eq!(bench.call("GET", "/api/orders/", &headers, "").await.status, 200, "{name}");
    }
    bench.call("GET", "/", &[INTERNAL[0], ("x-service-token", OTHER)], "").await.is(401, NO_TOKEN);
}

#[tokio::test]
async fn the_history_names_the_service() {
    let bench = Peer::new().bench();
    let body = order("A-1").to_string();
    assert_eq!(bench.internal("POST", "/api/orders/", &[], &body).await.status, 201);
    let actor = async || bench.get("/api/orders/A-1/history").await.json()["data"][0]["actor"].clone();
    assert_eq!(actor().await, "service:orders");
}

#[tokio::test]
async fn a_refusal_is_logged_with_address_and_claimed_name_and_no_token() {
    let bench = Peer::new().bench();
    bench.internal("GET", "/api/orders/", &[], "").await;
    let long = "x".repeat(40);
    for (claimed, logged) in [
        ("orders", "orders"),
        // What was sent may be a token in the place of a name.
        (TOKEN, "invalid"),
        ("a actor=service:b", "invalid"),
        (&long, "invalid"),
        ("ñ", "invalid"),
    ] {
        let request = Request::get("/").header("x-microservice-source", claimed).header("x-service-token", OTHER);
        let request = request.extension(ConnectInfo(SocketAddr::from(([192, 0, 2, 7], 4711))));
        let answer = bench.send(request.body(Body::empty()).unwrap()).await;
        let id = answer.header("x-request-id");
        let log = log::captured();
        let line = log.lines().find(|line| line.contains(id) && line.contains("was refused")).expect(&log);
        for part in ["WARN", "address=192.0.2.7", &format!("service=\"{logged}\"")] {
            assert!(line.contains(part), "{part}: {line}");
        }
    }
    let log = log::captured();
    assert!(!log.contains(TOKEN) && !log.contains(OTHER), "{log}");
}

#[tokio::test]
async fn failures_slow_down_their_sender_and_never_the_right_service() {
    let bench = Peer::new().bench();
    let send = |token: &str| {
        let request = Request::get("/api/orders/").header("x-microservice-source", "orders");
        let request = request.header("x-service-token", token);
        bench
            .send(request.extension(ConnectInfo(SocketAddr::from(([192, 0, 2, 7], 4711)))).body(Body::empty()).unwrap())
    };
    let started = Instant::now();
    for _ in 0..6 {
        send("wrong").await.is(401, NO_TOKEN);
    }
    // 100, 200, 400 and 800 ms after two that are free.
    assert!(started.elapsed() >= Duration::from_millis(1_500), "{:?}", started.elapsed());
    // From the same address, while a failure is held back.
    let mut failing = std::pin::pin!(send("wrong"));
    tokio::select! {
        biased;
        _ = &mut failing => panic!("a failure was not held back"),
        answer = send(TOKEN) => assert_eq!(answer.status, 200),
    }
    failing.await.is(401, NO_TOKEN);
}
