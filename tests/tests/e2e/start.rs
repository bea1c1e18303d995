//! The server is started before its databases.

use std::time::{Duration, Instant};

use provesi_testkit::servers::{OwnServer, wanted};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::place::Place;
use crate::server::Server;

/// How soon the server notices that a database answers.
const NOTICE: Duration = Duration::from_secs(30);

async fn readiness(server: &Server) -> (StatusCode, Value, Value) {
    let (status, body) = server.call(Method::GET, "/readyz", &Value::Null).await;
    (status, body["status"].clone(), body["reasons"].clone())
}

async fn becomes(server: &Server, expected: &(StatusCode, Value, Value)) {
    let start = Instant::now();
    loop {
        let found = readiness(server).await;
        if found == *expected {
            return;
        }
        assert!(start.elapsed() < NOTICE, "{found:?} instead of {expected:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_starts_before_its_databases_is_ready_once_they_answer() {
    if !(wanted("postgres") && wanted("mongodb")) {
        return;
    }
    let (postgres, mongodb) = tokio::join!(OwnServer::postgres().start(), OwnServer::mongodb().start());
    let server = Server::start(Place::own_pair(&postgres, &mongodb).await).await;
    becomes(&server, &(StatusCode::OK, json!("ok"), json!([]))).await;
    tokio::join!(postgres.stop(), mongodb.stop());
    becomes(
        &server,
        &(StatusCode::SERVICE_UNAVAILABLE, json!("unavailable"), json!(["clients_unavailable", "orders_unavailable"])),
    )
    .await;

    let server = server.kill_and_restart().await;
    let starting = |reason: &str| (StatusCode::SERVICE_UNAVAILABLE, json!("starting"), json!([reason]));
    becomes(&server, &starting("clients_unavailable")).await;
    assert_eq!(server.call(Method::GET, "/livez", &Value::Null).await.0, StatusCode::OK);
    let (status, refused) = server.post("/api/orders/", &json!({"order_number": "A-1"})).await;
    assert_eq!((status, &refused["code"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("server.starting")));
    mongodb.start().await;
    becomes(&server, &starting("orders_unavailable")).await;
    postgres.start().await;
    becomes(&server, &(StatusCode::OK, json!("ok"), json!([]))).await;
    let client = server.client("ana@example.com").await;
    let order = json!({"order_number": "A-1", "client_id": client});
    assert_eq!(server.post("/api/orders/", &order).await.0, StatusCode::CREATED);
}
