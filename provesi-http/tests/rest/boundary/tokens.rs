//! Who is known as a service.

use provesi_http::HttpOptions;
use provesi_http::boundary::{Boundary, ServiceTokens};

use super::{INTERNAL, NO_TOKEN, OTHER, Peer, TOKEN, order};
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
            let answer = bench.call("GET", path, headers, "").await;
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
async fn no_token_is_logged() {
    let bench = Peer::new().bench();
    bench.internal("GET", "/api/orders/", &[], "").await;
    bench.call("GET", "/", &[("x-microservice-source", TOKEN), ("x-service-token", OTHER)], "").await;
    let log = crate::log::captured();
    assert!(log.contains("an internal request was refused"), "{log}");
    assert!(!log.contains(TOKEN) && !log.contains(OTHER), "{log}");
}
