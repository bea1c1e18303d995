//! What every request goes through.

use std::collections::HashSet;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use axum::http::{HeaderName, Method, Request};
use futures_util::stream;
use provesi_http::{CorsOptions, HttpOptions};
use provesi_testkit::{Fault, Faults};

use crate::log;
use crate::support::Bench;

#[tokio::test]
async fn a_request_gets_an_id_of_ours_and_the_callers_is_logged_beside_it() {
    let bench = Bench::new();
    let longest = "x".repeat(128);
    let mut ours = HashSet::new();
    for id in ["abc-123", "!~", &longest] {
        let answer = bench.call("GET", "/api/health", &[("x-request-id", id)], "").await;
        let id_of_ours = answer.header("x-request-id").to_owned();
        assert!(id_of_ours.len() == 32 && id_of_ours.bytes().all(|byte| byte.is_ascii_hexdigit()), "{id_of_ours}");
        let log = log::captured();
        let line = log.lines().find(|line| line.contains(&id_of_ours) && line.contains("answered")).expect(&log);
        assert!(line.contains(&format!("caller_request_id=\"{id}\"")), "{line}");
        assert!(ours.insert(id_of_ours));
    }
    for id in ["", "a b", "a\tb", "ñandú", &"x".repeat(129)] {
        let answer = bench.call("GET", "/api/x", &[("x-request-id", id)], "").await;
        let id_of_ours = answer.header("x-request-id").to_owned();
        assert!(id_of_ours.len() == 32, "{id_of_ours}");
        let log = log::captured();
        let line = log.lines().find(|line| line.contains(&id_of_ours) && line.contains("answered")).expect(&log);
        assert!(!line.contains("caller_request_id"), "{line}");
    }
}

#[tokio::test]
async fn no_answer_is_kept_by_a_cache_but_the_assets() {
    let bench = Bench::new();
    let id = bench.client("Ana", "ana@example.com").await;
    bench.order("A-1", Some(&id)).await;
    let of_client = format!("/api/clients/{id}");
    for path in [
        "/api/clients/",
        &of_client,
        "/api/orders/?limit=1",
        "/api/orders/?limit=0",
        "/api/orders",
        "/api/orders/A-1",
        "/api/orders/A-1/history",
        "/api/orders/NOPE",
        "/api/audit",
        "/api/health",
        "/api/x",
        "/api/docs",
        "/openapi.json",
        "/clients/api/v1/lookup/",
        &format!("/clients/api/v1/{id}/"),
        "/orders/api/v1/orders/A-1/status",
        "/orders/",
        "/nothing",
    ] {
        assert_eq!(bench.get(path).await.header("cache-control"), "no-store", "{path}");
    }
    let made = bench.post("/api/orders/", r#"{"order_number":"A-2"}"#).await;
    assert_eq!((made.status.as_u16(), made.header("cache-control")), (201, "no-store"));
    let service = [("x-microservice-source", "orders"), ("x-service-token", "wrong")];
    for path in ["/api/orders/", "/clients/api/v1/lookup/"] {
        let refused = bench.call("POST", path, &service, "").await;
        assert_eq!((refused.status.as_u16(), refused.header("cache-control")), (401, "no-store"));
    }
    let script = bench.get("/api/docs/swagger-ui.css").await;
    assert_eq!((script.status.as_u16(), script.header("cache-control")), (200, "public, max-age=3600"));
}

#[tokio::test]
async fn every_answer_forbids_sniffing() {
    let bench = Bench::new();
    for path in ["/api/orders/", "/api/orders", "/api/x", "/api/docs", "/api/clients/abc"] {
        assert_eq!(bench.get(path).await.header("x-content-type-options"), "nosniff", "{path}");
    }
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused() {
    let bench = Bench::new();
    let body = format!(r#"{{"order_number":"A-1","x":"{}"}}"#, "x".repeat(65_536));
    let told = bench.post("/api/orders/", &body).await;
    assert_eq!(told.error(), (413, "request.too_large".to_owned()));
    let pieces = body.as_bytes().chunks(1_000).map(|piece| Ok::<_, std::io::Error>(Bytes::copy_from_slice(piece)));
    let pieces = Body::from_stream(stream::iter(pieces.collect::<Vec<_>>()));
    let found = bench.call("POST", "/api/orders/", &[], pieces).await;
    assert_eq!(found.error(), (413, "request.too_large".to_owned()));

    let exactly = |size: usize| {
        let start = r#"{"order_number":"A-1","x":""#;
        format!("{start}{}\"}}", "x".repeat(size - start.len() - 2))
    };
    assert_eq!(bench.post("/api/orders/", &exactly(65_537)).await.status, 413);
    assert_eq!(bench.post("/api/orders/", &exactly(65_536)).await.status, 201);
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_answered() {
    let mut options = HttpOptions::default();
    options.timeout = Duration::from_millis(20);
    let bench = Bench::with(options);
    bench.clients.arm_all(Fault::Stall);
    let answer = bench.get("/api/clients/").await;
    assert_eq!(answer.error(), (503, "request.timed_out".to_owned()));
    assert_eq!(answer.header("retry-after"), "1");
}

#[tokio::test]
async fn no_origin_may_read_unless_it_is_asked_for() {
    let origin = ("origin", "https://otra.example.com");
    let preflight = [origin, ("access-control-request-method", "PUT")];
    let bench = Bench::new();
    for path in ["/api/orders/", "/api/x", "/api/orders/NOPE"] {
        assert_eq!(bench.call("GET", path, &[origin], "").await.header("access-control-allow-origin"), "", "{path}");
    }
    let refused = bench.call("OPTIONS", "/api/orders/A-1", &preflight, "").await;
    assert_eq!(refused.header("access-control-allow-origin"), "");

    let mut options = HttpOptions::default();
    options.cors = CorsOptions::any_may_read();
    let bench = Bench::with(options);
    for path in ["/api/orders/", "/api/x", "/api/orders/NOPE"] {
        let answer = bench.call("GET", path, &[origin], "").await;
        assert_eq!(answer.header("access-control-allow-origin"), "*", "{path}");
        assert_eq!(answer.header("access-control-allow-credentials"), "");
        assert!(answer.header("access-control-expose-headers").contains("etag"));
    }
    let answer = bench.call("OPTIONS", "/api/orders/A-1", &preflight, "").await;
    assert_eq!((answer.status.as_u16(), answer.header("access-control-allow-methods")), (200, "GET,HEAD"));
}

#[tokio::test]
async fn origins_methods_and_headers_can_be_chosen() {
    let mut options = HttpOptions::default();
    let origin = "https://bodega.example.com".parse().unwrap();
    options.cors = CorsOptions::origins([origin], [Method::PUT]).with_headers([HeaderName::from_static("x-other")]);
    let bench = Bench::with(options);
    for (origin, allowed) in [("https://bodega.example.com", true), ("https://otra.example.com", false)] {
        let headers = [("origin", origin), ("access-control-request-method", "PUT")];
        let answer = bench.call("OPTIONS", "/api/orders/", &headers, "").await;
        assert_eq!(answer.header("access-control-allow-origin"), if allowed { origin } else { "" });
        assert_eq!(answer.header("access-control-allow-methods"), "PUT");
        assert_eq!(answer.header("access-control-allow-headers"), "x-other");
    }
}

#[tokio::test]
async fn answers_are_compressed_for_those_who_take_it() {
    let bench = Bench::new();
    for number in 0..50 {
        bench.order(&format!("A-{number}"), None).await;
    }
    for path in ["/api/orders/", "/api/orders/?limit=50", "/openapi.json"] {
        let plain = bench.get(path).await;
        let packed = bench.call("GET", path, &[("accept-encoding", "gzip")], "").await;
        assert_eq!((plain.header("content-encoding"), packed.header("content-encoding")), ("", "gzip"), "{path}");
        assert!(packed.bytes.starts_with(&[0x1f, 0x8b]) && packed.bytes.len() * 4 < plain.bytes.len(), "{path}");
    }
    let mut options = HttpOptions::default();
    options.compression = false;
    let answer = Bench::with(options).call("GET", "/openapi.json", &[("accept-encoding", "gzip")], "").await;
    assert_eq!(answer.header("content-encoding"), "");
}

#[tokio::test]
async fn nobody_is_refused_for_the_encodings_they_take() {
    let bench = Bench::new();
    for (number, (accepts, encoding)) in [
        ("br, identity;q=0", ""),
        ("*;q=0", ""),
        ("identity; Q=0.0, gzip", "gzip"),
        ("gzip;q=0, *;q=0.000", ""),
        ("gzip;q=0", ""),
    ]
    .into_iter()
    .enumerate()
    {
        let body =
            format!(r#"{{"order_number":"A-{number}","status":"returned","return_reason":"{}"}}"#, "x".repeat(99));
        let answer = bench.call("POST", "/api/orders/", &[("accept-encoding", accepts)], body).await;
        assert_eq!((answer.status.as_u16(), answer.header("content-encoding")), (201, encoding), "{accepts}");
    }
}

#[tokio::test]
async fn a_handler_that_panics_is_an_error_of_ours() {
    let bench = Bench::new();
    bench.clients.arm_all(Fault::Panic);
    for method in ["GET", "POST"] {
        let body = r#"{"name":"B","email":"b@example.com"}"#;
        let answer = bench.call(method, "/api/clients/", &[], body).await;
        assert_eq!(answer.error(), (500, "internal".to_owned()), "{method}");
        assert!(!answer.header("x-request-id").is_empty());
    }
    bench.clients.clear();
    assert_eq!(bench.get("/api/clients/").await.status, 200);
}

#[tokio::test]
async fn events_tell_the_address_that_the_server_knows() {
    let bench = Bench::new();
    let mut request = Request::post("/api/orders/").body(Body::from(r#"{"order_number":"A-1"}"#)).unwrap();
    let address: std::net::SocketAddr = "[::ffff:192.0.2.7]:4711".parse().unwrap();
    request.extensions_mut().insert(ConnectInfo(address));
    assert_eq!(bench.send(request).await.status, 201);
    assert_eq!(bench.get("/api/orders/A-1/history").await.json()["data"][0]["address"], "192.0.2.7");
}

#[tokio::test]
async fn the_log_names_the_route_and_the_request_and_nobody() {
    let bench = Bench::new();
    let id = bench.client("Ana Pérez", "ana@example.com").await;
    bench.order("ORD-77", Some(&id)).await;
    let named = [("x-request-id", "req-1")];
    bench.call("GET", &format!("/api/clients/{id}?q=secreto"), &named, "").await;
    bench.call("GET", "/api/orders/?q=ORD-77", &named, "").await;
    bench.post("/api/clients/", r#"{"name":"Beto","email":"ANA@example.com"}"#).await;
    bench.call("PUT", "/api/orders/ORD-77", &[("if-match", "x")], r#"{"return_reason":"mojado"}"#).await;
    bench.clients.arm_all(Fault::Panic);
    bench.get("/api/clients/").await;
    bench.clients.fail_all();
    bench.call("GET", "/api/clients/", &[("x-request-id", "req-2")], "").await;

    let log = log::captured();
    for secret in ["Ana", "ana@", "ANA@", "Beto", "secreto", "ORD-77", "mojado", &id] {
        assert!(!log.contains(secret), "{secret}:\n{log}");
    }
    let line = log.lines().find(|line| line.contains("req-1") && line.contains("/api/clients/{id}")).expect(&log);
    for part in ["GET", "status=200", "latency_us="] {
        assert!(line.contains(part), "{part}: {line}");
    }
    // What the store said is told once, with the id of the request.
    let told: Vec<_> = log.lines().filter(|line| line.contains(Faults::CAUSE)).collect();
    assert!(told.len() == 1 && told[0].contains("req-2") && told[0].contains("ERROR"), "{log}");
}
