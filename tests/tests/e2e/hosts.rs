//! Which hosts the server answers to, directly and behind a proxy that it trusts.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::place::Place;
use crate::server::Server;

const SETTINGS: [&str; 6] =
    ["--hosts", "bodega.example", "--trusted-proxies", "127.0.0.1", "--user-header", "x-forwarded-user"];

/// The status line's number of an answer to a head that is sent as it is.
async fn status(server: &Server, head: &str) -> u16 {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer.split(' ').nth(1).unwrap_or_default().parse().unwrap_or_else(|_| panic!("{answer}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_a_rebound_domain_reads_and_changes_nothing() {
    let server = Server::start(Place::sqlite().await).await;
    assert_eq!(server.post("/api/orders/", &json!({"order_number": "A-1"})).await.0, StatusCode::CREATED);
    let rebound = [("host", "evil:8000"), ("origin", "http://evil:8000"), ("sec-fetch-site", "same-origin")];
    for (method, path, body) in [
        (Method::GET, "/api/clients/", Value::Null),
        (Method::POST, "/api/orders/", json!({"order_number": "EVIL-1"})),
        (Method::DELETE, "/api/orders/A-1", Value::Null),
        (Method::GET, "/orders/", Value::Null),
        (Method::GET, "/nothing", Value::Null),
    ] {
        let answer = server.send(method, path, &rebound, &body).await;
        assert_eq!(answer.status(), StatusCode::MISDIRECTED_REQUEST, "{path}");
        assert_eq!(answer.headers()["cache-control"], "no-store");
    }
    assert_eq!(server.get("/api/orders/").await["data"].as_array().map(Vec::len), Some(1));
    let health = server.send(Method::GET, "/api/health", &rebound, &Value::Null).await;
    assert_eq!(health.status(), StatusCode::OK);
    for (head, expected) in [
        ("GET /api/orders/ HTTP/1.1\r\nConnection: close\r\n\r\n", 400),
        ("GET /api/orders/ HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\nConnection: close\r\n\r\n", 400),
        ("GET http://evil/api/orders/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 400),
        ("GET http://evil/api/orders/ HTTP/1.1\r\nHost: evil\r\nConnection: close\r\n\r\n", 421),
        ("GET http://localhost/api/orders/ HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 200),
        ("GET /api/orders/ HTTP/1.0\r\n\r\n", 200),
    ] {
        assert_eq!(status(&server, head).await, expected, "{head}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_proxy_names_the_user_the_address_and_the_host() {
    let server = Server::start_with(Place::sqlite().await, &SETTINGS).await;
    let order = json!({"order_number": "A-1"});
    let proxied = [
        ("host", "bodega.example"),
        ("x-forwarded-host", "bodega.example:443"),
        ("x-forwarded-proto", "https"),
        ("x-forwarded-for", "6.6.6.6, 198.51.100.7"),
        ("x-forwarded-user", "Ana Núñez"),
        ("origin", "https://bodega.example"),
    ];
    let made = server.send(Method::POST, "/api/orders/", &proxied, &order).await;
    assert_eq!(made.status(), StatusCode::CREATED);
    let history = server.get("/api/orders/A-1/history").await;
    assert_eq!(
        (&history["data"][0]["actor"], &history["data"][0]["address"]),
        (&json!("user:Ana Núñez"), &json!("198.51.100.7"))
    );
    let page = server.send(Method::GET, "/orders/create/", &proxied, &Value::Null).await;
    assert!(page.headers()["set-cookie"].to_str().unwrap().ends_with("; Secure"));
    let other = [("host", "bodega.example"), ("x-forwarded-host", "evil")];
    let refused = server.send(Method::GET, "/api/orders/", &other, &Value::Null).await;
    assert_eq!(refused.status(), StatusCode::MISDIRECTED_REQUEST);
}

#[tokio::test(flavor = "multi_thread")]
async fn forwarded_headers_of_anybody_else_are_ignored() {
    let settings =
        ["--hosts", "bodega.example", "--trusted-proxies", "10.0.0.0/8", "--user-header", "x-forwarded-user"];
    let server = Server::start_with(Place::sqlite().await, &settings).await;
    let lies = [("x-forwarded-for", "198.51.100.7"), ("x-forwarded-host", "evil"), ("x-forwarded-user", "Ana")];
    let made = server.send(Method::POST, "/api/orders/", &lies, &json!({"order_number": "A-1"})).await;
    assert_eq!(made.status(), StatusCode::CREATED);
    let history = server.get("/api/orders/A-1/history").await;
    assert_eq!(
        (&history["data"][0]["actor"], &history["data"][0]["address"]),
        (&json!("anonymous"), &json!("127.0.0.1"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn any_origin_that_may_write_is_refused_at_the_start() {
    let server = Server::start(Place::sqlite().await).await;
    let (code, told) = server.run(&["serve", "--cors", "any", "--cors-methods", "GET,PUT"]).await;
    assert!(code == Some(2) && told.contains("--cors-methods: must be GET and HEAD alone"), "{told}");
}
