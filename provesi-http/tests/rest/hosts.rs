//! Which hosts are answered to, and which web pages use that to get at the data (DNS rebinding).

use axum::body::Body;
use axum::http::{Request, Version};
use provesi_http::{AllowedHosts, HttpOptions};

use crate::boundary::Peer;
use crate::log;
use crate::support::Bench;

/// A page of `evil`, whose name now leads to this server, as a browser sees it: everything is of one origin.
const REBOUND: [(&str, &str); 3] =
    [("host", "evil:8000"), ("origin", "http://evil:8000"), ("sec-fetch-site", "same-origin")];

const UNKNOWN: (u16, &str) = (421, "request.unknown_host");

fn unknown() -> (u16, String) {
    (UNKNOWN.0, UNKNOWN.1.to_owned())
}

#[tokio::test]
async fn a_page_of_a_rebound_domain_reads_and_changes_nothing() {
    let bench = Bench::new();
    let id = bench.client("Ana", "ana@example.com").await;
    bench.order("A-1", Some(&id)).await;
    let new = r#"{"order_number":"EVIL-1"}"#;
    for (method, path, body) in [
        ("GET", "/api/clients/", ""),
        ("GET", &format!("/api/clients/{id}"), ""),
        ("GET", "/api/orders/", ""),
        ("GET", "/api/orders/A-1", ""),
        ("GET", "/api/orders/A-1/history", ""),
        ("POST", "/api/orders/", new),
        ("PUT", "/api/orders/A-1", r#"{"status":"shipped"}"#),
        ("DELETE", "/api/orders/A-1", ""),
        ("DELETE", &format!("/api/clients/{id}"), ""),
        ("OPTIONS", "/api/orders/", ""),
        ("GET", "/openapi.json", ""),
        ("GET", &format!("/clients/api/v1/{id}/"), ""),
    ] {
        for headers in [&REBOUND[..], &REBOUND[..2], &REBOUND[..1]] {
            let answer = bench.call(method, path, headers, body).await;
            assert_eq!(answer.error(), unknown(), "{method} {path}");
            assert_eq!(answer.header("cache-control"), "no-store");
            assert!(!answer.header("x-request-id").is_empty());
        }
    }
    assert_eq!(bench.get("/api/orders/EVIL-1").await.status, 404);
    assert_eq!(bench.get("/api/orders/A-1").await.json()["data"]["status"], "received");
    assert_eq!(bench.get(&format!("/api/clients/{id}")).await.status, 200);
    let log = log::captured();
    let line = log.lines().find(|line| line.contains("--hosts")).expect(&log);
    assert!(line.contains("WARN") && line.contains("host=\"evil\""), "{line}");
}

#[tokio::test]
async fn known_hosts_are_answered_to() {
    let mut options = HttpOptions::default();
    options.hosts = "bodega.example".parse().unwrap();
    let bench = Bench::with(options);
    for host in ["localhost:8000", "127.0.0.1:8000", "[::1]:8000", "192.0.2.7", "bodega.example", "Bodega.Example:443"]
    {
        assert_eq!(bench.call("GET", "/api/orders/", &[("host", host)], "").await.status, 200, "{host}");
    }
    assert_eq!(bench.call("GET", "/api/orders/", &[("host", "otra.example")], "").await.error(), unknown());
    let mut options = HttpOptions::default();
    options.hosts = AllowedHosts::any();
    let bench = Bench::with(options);
    assert_eq!(bench.call("GET", "/api/orders/", &[("host", "otra.example")], "").await.status, 200);
}

#[tokio::test]
async fn health_checks_and_services_come_by_any_name() {
    let bench = Peer::new().bench();
    let evil = ("host", "evil");
    for path in
        ["/api/health", "/api/clients/health/status", "/api/orders/health/status", "/clients/health", "/orders/health"]
    {
        assert_eq!(bench.call("GET", path, &[evil], "").await.status, 200, "{path}");
    }
    assert_eq!(bench.internal("GET", "/api/orders/", &[evil], "").await.status, 200);
    // Only with a token that holds.
    let claimed = [evil, ("x-microservice-source", "orders"), ("x-service-token", "wrong")];
    assert_eq!(bench.call("GET", "/api/orders/", &claimed, "").await.status, 401);
    let no_source = [evil, ("x-service-token", crate::boundary::TOKEN)];
    assert_eq!(bench.call("GET", "/api/orders/", &no_source, "").await.error(), unknown());
}

#[tokio::test]
async fn a_request_says_clearly_which_host_it_is_for() {
    let bench = Bench::new();
    let bad = (400, "request.invalid_host".to_owned());
    for headers in [
        &[("host", "localhost"), ("host", "localhost")][..],
        &[("host", "localhost"), ("host", "evil")],
        &[("host", "")],
        &[("host", "localhost:x")],
        &[("host", "ana@localhost")],
        &[("host", "ñandú")],
    ] {
        assert_eq!(bench.call("GET", "/api/orders/", headers, "").await.error(), bad, "{headers:?}");
    }
    let absolute = "http://localhost/api/orders/";
    assert_eq!(bench.call("GET", absolute, &[("host", "127.0.0.1")], "").await.error(), bad);
    assert_eq!(bench.call("GET", absolute, &[("host", "localhost:80")], "").await.status, 200);
    let without = async |version| {
        let request = Request::get("/api/orders/").version(version).body(Body::empty()).unwrap();
        tower::ServiceExt::oneshot(bench.router.clone(), request).await.unwrap().status().as_u16()
    };
    assert_eq!((without(Version::HTTP_11).await, without(Version::HTTP_10).await), (400, 200));
}
