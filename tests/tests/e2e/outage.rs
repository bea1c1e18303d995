//! One of the two servers is away, restarted, or overrun: what still answers, what says 503, how fast, and that all is
//! well again afterwards without a restart of ours.

use std::sync::Arc;
use std::time::{Duration, Instant};

use provesi_testkit::servers::{OwnServer, wanted};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use crate::place::Place;
use crate::server::Server;

/// The longest that a request may wait for a server that is away.
const PATIENCE: Duration = Duration::from_secs(3);

/// How soon all must be well once the server is back.
const RECOVERY: Duration = Duration::from_secs(10);

struct Pair {
    postgres: OwnServer,
    mongodb: OwnServer,
    server: Server,
    client: String,
}

/// A server over two of its own, with a client and her order A-1. None where either is left out by name.
async fn pair() -> Option<Pair> {
    if !(wanted("postgres") && wanted("mongodb")) {
        return None;
    }
    let (postgres, mongodb) = tokio::join!(OwnServer::postgres().start(), OwnServer::mongodb().start());
    let server = Server::start(Place::own_pair(&postgres, &mongodb).await).await;
    let client = server.client("ana@example.com").await;
    let made = server.post("/api/orders/", &json!({"order_number": "A-1", "client_id": client})).await;
    assert_eq!(made.0, StatusCode::CREATED, "{made:?}");
    Some(Pair { postgres, mongodb, server, client })
}

impl Pair {
    /// A request that is answered in time, whatever the answer.
    async fn call(&self, method: Method, path: &str, body: Value) -> (StatusCode, Value) {
        let start = Instant::now();
        let answer = self.server.call(method.clone(), path, &body).await;
        assert!(start.elapsed() < PATIENCE, "{method} {path} took {:?}: {answer:?}", start.elapsed());
        answer
    }

    async fn is_unavailable(&self, method: Method, path: &str, body: Value) {
        let (status, answer) = self.call(method.clone(), path, body).await;
        // A write may have been sent on a connection that broke then.
        let may_be_unknown = method != Method::GET && status == StatusCode::GATEWAY_TIMEOUT;
        let code = if may_be_unknown { "outcome_unknown" } else { "store.unavailable" };
        assert_eq!(answer["code"], code, "{path}");
        assert!(may_be_unknown || status == StatusCode::SERVICE_UNAVAILABLE, "{path}: {status}");
    }

    /// Waits until a path is answered 200 again.
    async fn recovers(&self, path: &str) {
        let start = Instant::now();
        while self.server.call(Method::GET, path, &Value::Null).await.0 != StatusCode::OK {
            assert!(start.elapsed() < RECOVERY, "{path} does not come back");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_crashes_and_comes_back() {
    let Some(pair) = pair().await else { return };
    pair.postgres.crash().await;
    // At once, as each may wait until its time is up: first where connections break, then where there are none.
    for _ in 0..2 {
        let ((), (), (), (), (status, health)) = tokio::join!(
            pair.is_unavailable(Method::GET, "/api/orders/", Value::Null),
            pair.is_unavailable(Method::GET, "/api/orders/?limit=5", Value::Null),
            pair.is_unavailable(Method::GET, "/api/orders/A-1", Value::Null),
            pair.is_unavailable(Method::POST, "/api/orders/", json!({"order_number": "A-2"})),
            pair.call(Method::GET, "/api/orders/health/status", Value::Null),
        );
        assert_eq!((status, &health["connection"]), (StatusCode::SERVICE_UNAVAILABLE, &json!("disconnected")));
    }
    let ((status, clients), (_, health)) = tokio::join!(
        pair.call(Method::GET, "/api/clients/", Value::Null),
        pair.call(Method::GET, "/api/health", Value::Null),
    );
    assert_eq!((status, &clients["data"][0]["orders_count"]), (StatusCode::OK, &Value::Null), "{clients}");
    assert_eq!(clients["warnings"], json!(["orders_unavailable"]));
    assert_eq!((&health["status"], &health["services"]["clients"]["status"]), (&json!("degraded"), &json!("ok")));
    let bea = json!({"name": "Bea", "email": "bea@example.com"});
    assert_eq!(pair.call(Method::POST, "/api/clients/", bea).await.0, StatusCode::CREATED);
    // That a client is to be deleted is on record with the orders first.
    pair.is_unavailable(Method::DELETE, &format!("/api/clients/{}", pair.client), Value::Null).await;

    pair.postgres.start().await;
    pair.recovers("/api/orders/").await;
    assert_eq!(pair.server.get("/api/health").await["status"], "ok");
    let (status, deleted) = pair.call(Method::DELETE, &format!("/api/clients/{}", pair.client), Value::Null).await;
    assert_eq!((status, &deleted["warnings"]), (StatusCode::OK, &Value::Null));
    assert_eq!(pair.server.get("/api/orders/A-1").await["data"]["client_id"], Value::Null);
    assert_eq!(pair.server.get("/api/clients/").await["data"][0]["orders_count"], 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn mongodb_stops_and_comes_back() {
    let Some(pair) = pair().await else { return };
    pair.mongodb.stop().await;
    let (path, made) =
        (format!("/api/clients/{}", pair.client), json!({"order_number": "A-2", "client_id": pair.client}));
    // At once, as each may wait until its time is up: first where connections break, then where there are none.
    for _ in 0..2 {
        let (all, some, (status, order), (), (), ()) = tokio::join!(
            pair.call(Method::GET, "/api/orders/", Value::Null),
            pair.call(Method::GET, "/api/orders/?limit=5", Value::Null),
            pair.call(Method::GET, "/api/orders/A-1", Value::Null),
            pair.is_unavailable(Method::GET, "/api/clients/", Value::Null),
            pair.is_unavailable(Method::GET, &path, Value::Null),
            pair.is_unavailable(Method::POST, "/api/orders/", made.clone()),
        );
        for (status, orders) in [all, some] {
            assert_eq!((status, &orders["data"][0]["client"]), (StatusCode::OK, &Value::Null), "{orders}");
            assert_eq!(orders["warnings"], json!(["clients_unavailable"]));
        }
        assert_eq!((status, &order["data"]["client_id"]), (StatusCode::OK, &json!(pair.client)), "{order}");
    }
    assert_eq!(pair.call(Method::POST, "/api/orders/", json!({"order_number": "A-3"})).await.0, StatusCode::CREATED);
    let packing = json!({"status": "packing"});
    assert_eq!(pair.call(Method::PUT, "/api/orders/A-1", packing).await.0, StatusCode::OK);

    pair.mongodb.start().await;
    pair.recovers("/api/clients/").await;
    let order = pair.server.get("/api/orders/A-1").await;
    assert_eq!((&order["data"]["client"]["name"], order.get("warnings")), (&json!("Ana"), None));
    assert_eq!(pair.server.get("/api/health").await["status"], "ok");
}

#[tokio::test(flavor = "multi_thread")]
async fn many_more_callers_than_connections_are_served_in_turn_or_told_to_come_back() {
    const POOL: i64 = 4;
    if !(wanted("postgres") && wanted("mongodb")) {
        return;
    }
    let place = Place::pair().await;
    let mut watcher = PgConnection::connect(&place.orders).await.unwrap();
    let server = Arc::new(Server::start_with(place, &["--pool", "4"]).await);
    let client = server.client("ana@example.com").await;
    server.post("/api/orders/", &json!({"order_number": "A-1", "client_id": client})).await;
    let callers: Vec<_> = (0..128)
        .map(|caller| {
            let server = Arc::clone(&server);
            tokio::spawn(async move {
                for call in 0..10 {
                    let made = json!({"order_number": format!("L-{caller}-{call}")});
                    for (status, body) in [
                        server.call(Method::GET, "/api/orders/A-1", &Value::Null).await,
                        server.post("/api/orders/", &made).await,
                    ] {
                        let fine = [StatusCode::OK, StatusCode::CREATED, StatusCode::SERVICE_UNAVAILABLE];
                        assert!(fine.contains(&status), "{status}: {body}");
                    }
                }
            })
        })
        .collect();
    let mut most = 0;
    while callers.iter().any(|caller| !caller.is_finished()) {
        let connections: i64 = sqlx::query_scalar(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'provesi' AND datname = current_database()",
        )
        .fetch_one(&mut watcher)
        .await
        .unwrap();
        most = most.max(connections);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for caller in callers {
        caller.await.unwrap();
    }
    assert!((1..=POOL).contains(&most), "{most} connections");
    let start = Instant::now();
    assert_eq!(server.get("/api/orders/A-1").await["data"]["client_id"], client);
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
}

/// Detaches the orders whose client is gone, however many a kill left.
async fn repair(server: &Server) {
    // Without the right number, the command says which it is and changes nothing.
    let (code, text) = server.run(&["check", "--repair", "--confirm", "999999"]).await;
    if code == Some(0) {
        return;
    }
    let orders = text.split_once("would detach ").and_then(|(_, rest)| rest.split_once(' '));
    let (orders, _) = orders.unwrap_or_else(|| panic!("{text}"));
    assert_eq!(server.run(&["check", "--repair", "--confirm", orders]).await.0, Some(0), "{text}");
}

/// A client is deleted in two steps, and an order made in three; wherever the process ends, no order names a client who is
/// gone once the check ran, and what was not deleted is there.
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_amid_deletions_and_creations_leaves_nothing_that_the_check_does_not_mend() {
    if !(wanted("postgres") && wanted("mongodb")) {
        return;
    }
    let mut server = Server::start(Place::pair().await).await;
    for round in 0..3 {
        let mut clients = Vec::new();
        for number in 0..20 {
            let client = server.client(&format!("c-{round}-{number}@example.com")).await;
            let order = json!({"order_number": format!("K-{round}-{number}"), "client_id": client});
            assert_eq!(server.post("/api/orders/", &order).await.0, StatusCode::CREATED);
            clients.push(client);
        }
        let shared = Arc::new(server);
        let requests = clients.iter().take(10).enumerate().flat_map(|(number, client)| {
            let order = json!({"order_number": format!("M-{round}-{number}"), "client_id": client});
            let deletion = (Method::DELETE, format!("/api/clients/{client}"), Value::Null);
            [deletion, (Method::POST, "/api/orders/".to_owned(), order)]
        });
        let requests: Vec<_> = requests
            .map(|(method, path, body)| {
                let server = Arc::clone(&shared);
                tokio::spawn(async move { drop(server.try_call(method, &path, &body).await) })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(3 + 4 * round)).await;
        let id = shared.process.id().expect("the process runs");
        assert!(std::process::Command::new("kill").args(["-9", &id.to_string()]).status().unwrap().success());
        for request in requests {
            request.await.unwrap();
        }
        server = Arc::into_inner(shared).expect("the requests are over").kill_and_restart().await;
        repair(&server).await;
        assert_eq!(server.run(&["check"]).await.0, Some(0));
        for (number, client) in clients.iter().enumerate() {
            let order = server.get(&format!("/api/orders/K-{round}-{number}")).await;
            let (there, _) = server.call(Method::GET, &format!("/api/clients/{client}"), &Value::Null).await;
            let owner = if there == StatusCode::OK { json!(client) } else { Value::Null };
            assert_eq!(order["data"]["client_id"], owner, "{order}");
            assert!(number < 10 || there == StatusCode::OK, "client {number} was not deleted");
        }
        for order in server.get("/api/orders/").await["data"].as_array().unwrap() {
            let owned = order["client_id"].is_string();
            assert_eq!(order["client"].is_object(), owned, "its client is gone: {order}");
        }
    }
}
