//! The layers around routes of one's own.

use axum::body::Body;
use axum::http::Request;
use axum::routing::{get, post};
use axum::{Extension, Router};
use http_body_util::BodyExt;
use provesi_core::Actor;
use provesi_http::boundary::{Boundary, require_encrypted, require_encrypted_response, require_service};
use serde_json::json;
use tower::ServiceExt;

use super::{INTERNAL, NO_TOKEN, OTHER, Peer, name};
use crate::support::Answer;

fn own(peer: &Peer) -> Boundary {
    peer.boundary().with_destination("/inventory/", name("inventory"))
}

async fn call(router: &Router, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let request = Request::builder().method(method).uri(path).header("host", "localhost");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    let answer = router.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
    let (parts, body) = answer.into_parts();
    Answer { status: parts.status, headers: parts.headers, bytes: body.collect().await.unwrap().to_bytes() }
}

#[tokio::test]
async fn routes_of_ones_own_have_a_destination_and_those_who_may_pass() {
    let peer = Peer::new();
    let router = Router::new()
        .route("/inventory/reserve", post(async |body: String| body))
        .layer(require_encrypted())
        .layer(require_service([name("orders")]))
        .layer(own(&peer));
    let encrypted = [INTERNAL[0], INTERNAL[1], ("x-encrypted-payload", "true")];
    let path = "/inventory/reserve";
    let data = json!({"order_number": "A-1"});
    let token = peer.sealed("orders", "inventory", &data);
    call(&router, "POST", path, &encrypted, &token).await.is(200, &data.to_string());
    let to_others = peer.sealed("orders", "orders", &data);
    assert_eq!(call(&router, "POST", path, &encrypted, &to_others).await.status, 400);
    call(&router, "POST", path, &INTERNAL, "{}").await.is(400, r#"{"error":"Se requiere un mensaje cifrado"}"#);
    call(&router, "POST", path, &[], "{}").await.is(401, NO_TOKEN);
    let other = [("x-microservice-source", "other"), ("x-service-token", OTHER)];
    call(&router, "POST", path, &other, "{}").await.is(403, r#"{"error":"Servicio no autorizado"}"#);
}

#[tokio::test]
async fn a_boundary_finds_out_who_asks_and_without_it_nobody_passes() {
    let peer = Peer::new();
    let who = get(async |actor: Option<Extension<Actor>>| actor.map(|actor| actor.to_string()).unwrap_or_default());
    let router = Router::new().route("/who", who.clone()).layer(own(&peer));
    call(&router, "GET", "/who", &INTERNAL, "").await.is(200, "service:orders");
    call(&router, "GET", "/who", &[], "").await.is(200, "");
    call(&router, "GET", "/who", &INTERNAL[..1], "").await.is(401, NO_TOKEN);

    let both = Router::new().route("/inventory/", who.clone()).layer(require_encrypted_response()).layer(own(&peer));
    let encrypt = [INTERNAL[0], INTERNAL[1], ("x-encrypt-response", "true")];
    let answer = call(&both, "GET", "/inventory/", &encrypt, "").await;
    assert_eq!(peer.opened(&answer, "inventory"), "service:orders");
    assert_eq!(call(&both, "GET", "/inventory/", &INTERNAL, "").await.status, 400);

    let bare = Router::new().route("/who", who).layer(require_service([name("orders")]));
    call(&bare, "GET", "/who", &INTERNAL, "").await.is(401, NO_TOKEN);
}

#[tokio::test]
async fn a_boundary_around_the_whole_application_is_enough() {
    let peer = Peer::new();
    let bench = crate::support::Bench::new();
    // The router within has no tokens and no keys.
    let router = Router::new().nest("/bodega", bench.router.clone());
    let outer = own(&peer).with_destination("/bodega/api/orders", name("orders"));
    let router = router.layer(outer);
    let both = [INTERNAL[0], INTERNAL[1], ("x-encrypted-payload", "true"), ("x-encrypt-response", "true")];
    let token = peer.sealed("orders", "orders", &json!({"order_number": "A-1"}));
    let made = call(&router, "POST", "/bodega/api/orders/", &both, &token).await;
    assert_eq!(made.status, 201);
    assert!(peer.opened(&made, "orders").contains("A-1"));
    assert_eq!(call(&router, "GET", "/bodega/api/orders/", &INTERNAL[..1], "").await.status, 401);
    // And one within a router that is nested sees the paths of its own.
    let inner = Router::new().nest("/bodega", peer.bench().router);
    let token = peer.sealed("orders", "orders", &json!({"order_number": "A-1"}));
    assert_eq!(call(&inner, "POST", "/bodega/api/orders/", &both, &token).await.status, 201);
}
