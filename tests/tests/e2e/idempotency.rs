//! Writes under an idempotency key, across kills and processes.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::place::{Place, on_every_arrangement};
use crate::server::Server;

on_every_arrangement!(
    a_write_is_done_once_across_a_kill,
    concurrent_writes_under_one_key_in_two_processes_are_done_once,
);

async fn keyed(server: &Server, method: Method, path: &str, key: &str, body: &Value) -> (StatusCode, Value) {
    let answer = server.send(method, path, &[("Idempotency-Key", key)], body).await;
    (answer.status(), answer.json().await.expect("JSON"))
}

async fn a_write_is_done_once_across_a_kill(place: Place) {
    let server = Server::start(place).await;
    let (order, client) = (json!({"order_number": "A-1"}), json!({"name": "Ana", "email": "ana@example.com"}));
    let (edit, path) = (json!({"status": "packing"}), "/api/orders/A-1");
    let made = keyed(&server, Method::POST, "/api/orders/", "order", &order).await;
    let known = keyed(&server, Method::POST, "/api/clients/", "client", &client).await;
    let edited = keyed(&server, Method::PUT, path, "edit", &edit).await;
    assert_eq!([made.0, known.0, edited.0], [StatusCode::CREATED, StatusCode::CREATED, StatusCode::OK]);
    assert_eq!(server.put(path, &json!({"status": "shipped"})).await.0, StatusCode::OK);
    let server = server.kill_and_restart().await;
    assert_eq!(keyed(&server, Method::POST, "/api/orders/", "order", &order).await, made);
    assert_eq!(keyed(&server, Method::POST, "/api/clients/", "client", &client).await, known);
    assert_eq!(keyed(&server, Method::PUT, path, "edit", &edit).await, edited);
    assert_eq!(server.get(path).await["data"]["status"], "shipped");
    let (status, reused) = keyed(&server, Method::POST, "/api/orders/", "order", &json!({"order_number": "A-2"})).await;
    assert_eq!((status, &reused["code"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("idempotency_key.reused")));
    assert_eq!(server.get("/api/orders/").await["data"].as_array().unwrap().len(), 1);
    assert_eq!(server.get("/api/clients/").await["data"].as_array().unwrap().len(), 1);
}

async fn concurrent_writes_under_one_key_in_two_processes_are_done_once(place: Place) {
    let one = Server::start(place).await;
    let other = one.beside().await;
    for round in 0..15 {
        let order = json!({"order_number": format!("A-{round}")});
        let client = json!({"name": "Ana", "email": format!("ana-{round}@example.com")});
        for (path, body) in [("/api/orders/", order), ("/api/clients/", client)] {
            let key = format!("{path}{round}");
            let write = |server| keyed(server, Method::POST, path, &key, &body);
            let answers = tokio::join!(write(&one), write(&other), write(&one), write(&other));
            assert_eq!(answers.0.0, StatusCode::CREATED, "{}", answers.0.1);
            for answer in [&answers.1, &answers.2, &answers.3] {
                assert_eq!(*answer, answers.0);
            }
        }
    }
}
