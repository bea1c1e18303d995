//! Answers that are secure messages.

use provesi_http::HttpOptions;
use provesi_http::boundary::{Boundary, ServiceTokens};
use serde_json::{Value, json};

use super::{NO_TOKEN, NOT_OPENED, Peer, TOKEN, order};
use crate::support::Bench;

const ENCRYPT: (&str, &str) = ("x-encrypt-response", "true");

#[tokio::test]
async fn an_answer_is_encrypted_for_the_service_that_asks_for_it() {
    let peer = Peer::new();
    let bench = peer.bench();
    let id = bench.client("Ana", "ana@example.com").await;
    let etag = bench.order("A-1", Some(&id)).await;
    for (path, source) in [
        ("/api/orders/", "orders"),
        ("/api/orders/A-1", "orders"),
        ("/api/orders/NOPE", "orders"),
        ("/api/clients/abc", "clients"),
        ("/clients/api/v1/6b050af58b3059b0f61239f2/", "clients"),
        ("/api/health", "provesi"),
        ("/openapi.json", "provesi"),
        ("/nothing", "provesi"),
    ] {
        let clear = bench.get(path).await;
        let answer = bench.internal("GET", path, &[ENCRYPT], "").await;
        assert_eq!(answer.status, clear.status, "{path}");
        assert_eq!(peer.opened(&answer, source).as_bytes(), &clear.bytes[..], "{path}");
        for name in ["etag", "x-content-type-options", "allow"] {
            assert_eq!(answer.header(name), clear.header(name), "{path} {name}");
        }
    }
    assert_eq!(bench.internal("GET", "/api/orders/A-1", &[ENCRYPT], "").await.header("etag"), etag);
}

#[tokio::test]
async fn both_ways_are_encrypted_and_so_are_refusals() {
    let peer = Peer::new();
    let bench = peer.bench();
    let both = [("x-encrypted-payload", "true"), ENCRYPT];
    let token = peer.sealed("orders", "orders", &order("A-1"));
    let made = bench.internal("POST", "/api/orders/", &both, &token).await;
    assert_eq!(made.status, 201);
    let text: Value = serde_json::from_str(&peer.opened(&made, "orders")).unwrap();
    assert_eq!(text["data"]["order_number"], "A-1");
    let again = bench.internal("POST", "/api/orders/", &both, &token).await;
    assert_eq!((again.status.as_u16(), peer.opened(&again, "orders").as_str()), (400, NOT_OPENED));
    let invalid = bench.internal("POST", "/api/orders/", &both, &peer.sealed("orders", "orders", &json!({}))).await;
    assert_eq!(invalid.status, 422);
    assert!(peer.opened(&invalid, "orders").contains("missing"));
}

#[tokio::test]
async fn who_is_no_service_gets_an_answer_in_clear() {
    let peer = Peer::new();
    let bench = peer.bench();
    let answer = bench.call("GET", "/api/orders/", &[ENCRYPT], "").await;
    assert_eq!((answer.header("x-encrypted-response"), &answer.json()["data"]), ("", &json!([])));
    bench.call("GET", "/api/orders/", &[ENCRYPT, ("x-microservice-source", "orders")], "").await.is(401, NO_TOKEN);
    let answer = bench.internal("GET", "/api/orders/", &[("x-encrypt-response", "false")], "").await;
    assert_eq!(answer.json()["data"], json!([]));
}

#[tokio::test]
async fn without_keys_nothing_is_done() {
    let mut options = HttpOptions::default();
    options.boundary = Boundary::new(ServiceTokens::default().with_shared(TOKEN).unwrap());
    let bench = Bench::with(options);
    let body = order("A-1").to_string();
    let answer = bench.internal("POST", "/api/orders/", &[ENCRYPT], &body).await;
    answer.is(501, r#"{"error":"El cifrado de respuestas no está configurado"}"#);
    assert_eq!(bench.get("/api/orders/A-1").await.status, 404);
}

#[tokio::test]
async fn what_is_longer_than_a_message_may_be_is_asked_for_in_pages() {
    let peer = Peer::new();
    let bench = peer.bench();
    let reason = "ñ".repeat(2_000);
    for number in 0..300 {
        let body = json!({"order_number": format!("A-{number}"), "status": "returned", "return_reason": reason});
        assert_eq!(bench.post("/api/orders/", &body.to_string()).await.status, 201);
    }
    let whole = bench.internal("GET", "/api/orders/", &[ENCRYPT], "").await;
    assert_eq!((whole.status.as_u16(), whole.header("etag")), (406, ""));
    assert!(peer.opened(&whole, "orders").contains("demasiado grande para cifrarla"));
    let page = bench.internal("GET", "/api/orders/?limit=100", &[ENCRYPT], "").await;
    assert_eq!(page.status, 200);
    let page: Value = serde_json::from_str(&peer.opened(&page, "orders")).unwrap();
    assert_eq!(page["data"].as_array().unwrap().len(), 100);
}

#[tokio::test]
async fn nothing_is_compressed_before_it_is_encrypted() {
    let peer = Peer::new();
    let bench = peer.bench();
    for number in 0..50 {
        bench.order(&format!("A-{number}"), None).await;
    }
    let plain = bench.get("/api/orders/").await.bytes.len();
    let answer = bench.internal("GET", "/api/orders/", &[ENCRYPT, ("accept-encoding", "gzip")], "").await;
    // What is compressed is the base64 of what looks random.
    assert_eq!((answer.header("content-encoding"), answer.header("x-encrypted-response")), ("gzip", "true"));
    assert!(answer.bytes.len() > plain, "{} of {plain}", answer.bytes.len());
}

#[tokio::test]
async fn what_has_no_body_stays_as_it_is() {
    let bench = Peer::new().bench();
    bench.order("A-1", None).await;
    let answer = bench.internal("HEAD", "/api/orders/A-1", &[ENCRYPT], "").await;
    assert_eq!((answer.status.as_u16(), answer.bytes.len(), answer.header("x-encrypted-response")), (200, 0, ""));
}

#[tokio::test]
async fn health_tells_whether_the_keys_work() {
    let bench = Peer::new().bench();
    let health = bench.get("/api/health").await.json();
    assert_eq!(health["services"]["security"], json!({"status": "ok", "crypto": "working"}));
    assert_eq!(health["status"], "ok");
}
