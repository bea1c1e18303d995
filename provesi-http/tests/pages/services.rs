//! What services do with the pages.

use std::sync::Arc;

use axum::http::Request;
use provesi_core::StatusFlow;
use provesi_crypto::{KeyRing, Keys, MemoryReplayGuard, Seal, SecureMessages, SystemClock};
use provesi_http::boundary::{Boundary, ServiceTokens};
use serde_json::json;

use crate::support::{Answer, Bench};

const TOKEN: &str = "token-of-the-orders-service";

fn bench(keys: &[String; 2]) -> Bench {
    Bench::with(StatusFlow::any(), |options| {
        let tokens = ServiceTokens::default().with("orders".parse().unwrap(), TOKEN).unwrap();
        options.boundary = Boundary::new(tokens).with_keys(ring(keys));
    })
}

fn pair() -> [String; 2] {
    let keys = Keys::generate().unwrap();
    [keys.aes_key_base64().to_string(), keys.hmac_key_base64().to_string()]
}

fn ring([aes, hmac]: &[String; 2]) -> KeyRing {
    KeyRing::new(Keys::from_base64(aes, hmac).unwrap())
}

async fn send(bench: &Bench, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
    let request = Request::builder().method(method).uri(path).header("host", "bodega.test");
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    bench.browser().send(request, body.to_owned()).await
}

const INTERNAL: [(&str, &str); 2] = [("x-microservice-source", "orders"), ("x-service-token", TOKEN)];

#[tokio::test]
async fn a_service_is_told_what_is_personal() {
    let bench = bench(&pair());
    let id = bench.client("Ana", "ana@example.com").await;
    let path = format!("/clients/api/v1/{id}/");
    let created_at = bench.stored_client(&id).await["created_at"].clone();
    let told = send(&bench, "GET", &path, &INTERNAL, "").await.json();
    let whole = json!({"id": id, "name": "Ana", "email": "ana@example.com", "phone": "", "created_at": created_at});
    assert_eq!(told, whole);
    assert_eq!(send(&bench, "GET", &path, &INTERNAL[1..], "").await.json()["email"], "***");
    let refused = send(&bench, "GET", &path, &INTERNAL[..1], "").await;
    assert_eq!((refused.status.as_u16(), refused.json()), (401, json!({"error": "Token de servicio inválido"})));
}

#[tokio::test]
async fn a_service_sends_forms_without_a_page_of_ours() {
    let keys = pair();
    let bench = bench(&keys);
    let form = [INTERNAL[0], INTERNAL[1], ("content-type", "application/x-www-form-urlencoded")];
    let made = send(&bench, "POST", "/orders/create/", &form, "order_number=A-1&status=received").await;
    assert_eq!(made.led(), (302, "/orders/"));
    assert_eq!(bench.stored_order("A-1").await["status"], "received");
    // Another one may say the same: it is no second click.
    assert_eq!(send(&bench, "POST", "/orders/create/", &form, "order_number=A-1&status=received").await.status, 422);
    // Anybody else needs the token of a form.
    for headers in [&form[2..], &form[1..]] {
        assert_eq!(send(&bench, "POST", "/orders/create/", headers, "order_number=A-2").await.status, 403);
    }
    assert_eq!(send(&bench, "POST", "/orders/create/", &[form[0], form[2]], "order_number=A-2").await.status, 401);
    assert_eq!(bench.count("/api/orders/").await, 1);
}

#[tokio::test]
async fn a_form_may_be_a_secure_message() {
    let keys = pair();
    let bench = bench(&keys);
    let guard = Arc::new(MemoryReplayGuard::new(1));
    let messages = SecureMessages::new(Arc::new(ring(&keys)), Arc::new(SystemClock), guard);
    let (orders, clients) = ("orders".parse().unwrap(), "clients".parse().unwrap());
    let encrypted = [INTERNAL[0], INTERNAL[1], ("x-encrypted-payload", "true")];
    let data = json!({"order_number": "A-1", "status": "returned", "return_reason": "Roto", "client": null});
    let token = messages.seal(&Seal { source: &orders, destination: &orders, data: &data }).unwrap();
    assert_eq!(send(&bench, "POST", "/orders/create/", &encrypted, &token).await.led(), (302, "/orders/"));
    assert_eq!(bench.stored_order("A-1").await["return_reason"], "Roto");
    assert_eq!(send(&bench, "POST", "/orders/create/", &encrypted, &token).await.status, 400);
    let data = json!({"name": "Ana", "email": "ana@example.com"});
    let token = messages.seal(&Seal { source: &orders, destination: &clients, data: &data }).unwrap();
    assert_eq!(send(&bench, "POST", "/clients/create/", &encrypted, &token).await.led(), (302, "/clients/"));
    let data = json!({"name": {"first": "Ana"}});
    let token = messages.seal(&Seal { source: &orders, destination: &clients, data: &data }).unwrap();
    assert_eq!(send(&bench, "POST", "/clients/create/", &encrypted, &token).await.status, 400);
}
