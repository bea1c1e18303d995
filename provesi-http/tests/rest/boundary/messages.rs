//! Bodies that are secure messages.

use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::stream;
use provesi_crypto::{KeyRing, MemoryReplayGuard, SystemClock};
use provesi_http::HttpOptions;
use provesi_http::boundary::{Boundary, ServiceTokens};
use serde_json::json;

use super::{INTERNAL, NOT_OPENED, Peer, TOKEN, order};
use crate::support::Bench;

const ENCRYPTED: (&str, &str) = ("x-encrypted-payload", "true");

#[tokio::test]
async fn an_encrypted_post_creates_an_order() {
    let peer = Peer::new();
    let bench = peer.bench();
    let made = bench.encrypted("POST", "/api/orders/", &peer.sealed("orders", "orders", &order("A-1"))).await;
    assert_eq!((made.status.as_u16(), &made.json()["data"]["order_number"]), (201, &json!("A-1")));
    let change = peer.sealed("orders", "orders", &json!({"status": "packing"}));
    // What the body was called on the way does not count.
    let headers = [("x-encrypted-payload", "TRUE"), ("content-type", "text/plain")];
    assert_eq!(bench.internal("PUT", "/api/orders/A-1", &headers, &change).await.status, 200);
    assert_eq!(bench.get("/api/orders/A-1").await.json()["data"]["status"], "packing");
    let client = peer.sealed("orders", "clients", &json!({"name": "Ana", "email": "ana@example.com"}));
    assert_eq!(bench.encrypted("POST", "/api/clients/", &client).await.status, 201);
}

#[tokio::test]
async fn the_handler_says_what_is_wrong_with_what_a_message_says() {
    let peer = Peer::new();
    let bench = peer.bench();
    let token = peer.sealed("orders", "orders", &json!({"order_number": 5}));
    assert_eq!(bench.encrypted("POST", "/api/orders/", &token).await.faults(), ["string_type body.order_number"]);
    // Of a message to a path that is not there, the path is what is wrong.
    let token = peer.sealed("orders", "orders", &json!({}));
    assert_eq!(bench.encrypted("POST", "/orders/no/such/page/", &token).await.status, 404);
}

#[tokio::test]
async fn whatever_is_wrong_with_a_message_is_told_alike() {
    let peer = Peer::new();
    let bench = peer.bench();
    let data = order("A-1");
    let good = || peer.sealed("orders", "orders", &data);
    let changed = |at: usize| {
        let mut token = good().into_bytes();
        token[at] = if token[at] == b'A' { b'B' } else { b'A' };
        String::from_utf8(token).unwrap()
    };
    let wrong = [
        String::new(),
        data.to_string(),
        "x".to_owned(),
        changed(3),
        changed(40),
        changed(good().len() - 5),
        good()[1..].to_owned(),
        format!("{}\n", good()),
        format!(" {}", good()),
        good().replace('=', ""),
        Peer::new().sealed("orders", "orders", &data),
        peer.sealed("orders", "clients", &data),
        peer.sealed("clients", "orders", &data),
        peer.sealed_at("orders", "orders", &data, -310),
        peer.sealed_at("orders", "orders", &data, 60),
        peer.keys().encrypt("{}").unwrap(),
        peer.keys().encrypt(&json!({"data": data, "source": "orders", "destination": "orders"}).to_string()).unwrap(),
    ];
    for path in ["/api/orders/", "/orders/create/"] {
        for token in &wrong {
            bench.encrypted("POST", path, token).await.is(400, NOT_OPENED);
        }
    }
    let binary = Body::from(&b"\xff\xfe"[..]);
    bench.call("POST", "/api/orders/", &[INTERNAL[0], INTERNAL[1], ENCRYPTED], binary).await.is(400, NOT_OPENED);
    // No path but those of a service has a destination.
    for path in ["/api/health", "/", "/nothing", "/openapi.json", "/ordersx/"] {
        bench.encrypted("POST", path, &good()).await.is(400, NOT_OPENED);
    }
    // No body is no message, also where none is needed.
    bench.encrypted("GET", "/api/orders/", "").await.is(400, NOT_OPENED);
    assert_eq!(bench.get("/api/orders/").await.json()["data"], json!([]));
    let log = crate::log::captured();
    for why in ["expired", "from the future", "for another service", "from another service", "malformed"] {
        assert!(log.contains(why), "{why}");
    }
}

#[tokio::test]
async fn a_message_is_taken_once() {
    let peer = Peer::new();
    let bench = peer.bench();
    let token = peer.sealed("orders", "orders", &order("A-1"));
    assert_eq!(bench.encrypted("POST", "/api/orders/", &token).await.status, 201);
    assert_eq!(bench.call("DELETE", "/api/orders/A-1", &[], "").await.status, 200);
    for path in ["/api/orders/", "/orders/create/"] {
        bench.encrypted("POST", path, &token).await.is(400, NOT_OPENED);
    }
    assert_eq!(bench.get("/api/orders/A-1").await.status, 404);
}

#[tokio::test]
async fn a_message_of_nobody_is_refused_and_so_is_one_without_keys_here() {
    let peer = Peer::new();
    let token = peer.sealed("orders", "orders", &order("A-1"));
    let bench = peer.bench();
    bench.call("POST", "/api/orders/", &[ENCRYPTED], token.clone()).await.is(400, NOT_OPENED);
    let alone = [ENCRYPTED, ("x-service-token", TOKEN)];
    bench.call("POST", "/api/orders/", &alone, token.clone()).await.is(400, NOT_OPENED);
    // It was not opened, and so is still good.
    assert_eq!(bench.encrypted("POST", "/api/orders/", &token).await.status, 201);
    let mut options = HttpOptions::default();
    options.boundary = Boundary::new(ServiceTokens::default().with_shared(TOKEN).unwrap());
    Bench::with(options).encrypted("POST", "/api/orders/", &token).await.is(400, NOT_OPENED);
}

#[tokio::test]
async fn a_message_is_as_long_as_a_body_may_be() {
    let peer = Peer::new();
    let token = |size: usize| {
        let token = |pad: usize| peer.sealed("orders", "orders", &json!({"order_number": "A-1", "x": "x".repeat(pad)}));
        // Of 16 bytes of text, base64 makes 20 to 24 characters.
        let short = token(0).len();
        token((size - short) / 4 * 3 - 48)
    };
    const LIMIT: usize = 65_536;
    let bench = peer.bench();
    let fits = token(LIMIT);
    assert!((LIMIT - 128..=LIMIT).contains(&fits.len()), "{}", fits.len());
    let long = format!("{}{}", "A".repeat(LIMIT + 1 - fits.len()), fits);
    let too_large = r#"{"error":"El cuerpo de la solicitud es demasiado grande"}"#;
    bench.encrypted("POST", "/api/orders/", &long).await.is(413, too_large);
    let pieces = long.as_bytes().chunks(1_000).map(|piece| Ok::<_, std::io::Error>(Bytes::copy_from_slice(piece)));
    let pieces = Body::from_stream(stream::iter(pieces.collect::<Vec<_>>()));
    let headers = [INTERNAL[0], INTERNAL[1], ENCRYPTED];
    bench.call("POST", "/api/orders/", &headers, pieces).await.is(413, too_large);
    bench.encrypted("POST", "/api/orders/", &long[1..]).await.is(400, NOT_OPENED);
    assert_eq!(bench.encrypted("POST", "/api/orders/", &fits).await.status, 201);
}

#[tokio::test]
async fn keys_are_changed_without_a_stop() {
    let (old, new) = (Peer::new(), Peer::new());
    let bench = old.bench_with(|options| {
        let ring = KeyRing::from(new.pair()).accepting(old.pair()).unwrap();
        options.boundary = old.boundary().with_keys(ring);
    });
    for (peer, number) in [(&old, "A-1"), (&new, "A-2")] {
        let token = peer.sealed("orders", "orders", &order(number));
        assert_eq!(bench.encrypted("POST", "/api/orders/", &token).await.status, 201, "{number}");
        bench.encrypted("POST", "/api/orders/", &token).await.is(400, NOT_OPENED);
    }
    let answer = bench.internal("GET", "/api/orders/A-1", &[("x-encrypt-response", "true")], "").await;
    assert!(new.opened(&answer, "orders").contains("A-1"));
}

#[tokio::test]
async fn a_guard_without_room_refuses() {
    let peer = Peer::new();
    let bench = peer.bench_with(|options| {
        let guard = Arc::new(MemoryReplayGuard::new(1));
        options.boundary = peer.boundary().with_messages(Arc::new(peer.keys()), Arc::new(SystemClock), guard);
    });
    let send = async |number| {
        let token = peer.sealed("orders", "orders", &order(number));
        bench.encrypted("POST", "/api/orders/", &token).await
    };
    assert_eq!(send("A-1").await.status, 201);
    send("A-2").await.is(400, NOT_OPENED);
    assert!(crate::log::captured().contains("no more messages can be remembered"));
}

#[tokio::test]
async fn only_true_makes_a_body_a_message() {
    let peer = Peer::new();
    let bench = peer.bench();
    for (number, value) in ["false", "1", "yes", ""].into_iter().enumerate() {
        let body = order(&format!("A-{number}")).to_string();
        let headers = [("x-encrypted-payload", value), ("content-type", "application/json")];
        assert_eq!(bench.internal("POST", "/api/orders/", &headers, &body).await.status, 201, "{value}");
    }
    let twice = [("x-encrypted-payload", "false"), ("x-encrypted-payload", "true")];
    bench.internal("POST", "/api/orders/", &twice, &order("B-1").to_string()).await.is(400, NOT_OPENED);
    // A body in clear has the limit that it has from anybody.
    let huge = format!(r#"{{"order_number":"A-9","x":"{}"}}"#, "x".repeat(65_536));
    assert_eq!(bench.internal("POST", "/api/orders/", &[], &huge).await.error().0, 413);
}

#[tokio::test]
async fn a_message_that_does_not_arrive_is_not_waited_for() {
    let bench = Peer::new().bench_with(|options| options.timeout = Duration::from_millis(20));
    let never = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    let answer = bench.call("POST", "/api/orders/", &[INTERNAL[0], INTERNAL[1], ENCRYPTED], never).await;
    assert_eq!((answer.status.as_u16(), answer.header("retry-after")), (408, ""));
}
