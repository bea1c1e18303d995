//! Health.

use std::time::Duration;

use futures_util::future::join_all;
use provesi_http::{HttpOptions, Lifecycle};
use provesi_testkit::{Call, Fault};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::support::Bench;

#[tokio::test]
async fn each_store_is_reported_with_its_name() {
    let bench = Bench::new();
    let expected = json!({"service": "clients", "status": "ok", "database": "memory", "connection": "connected"});
    assert_eq!(bench.get("/api/clients/health/status").await.json(), expected);
    let expected = json!({"service": "orders", "status": "ok", "database": "memory", "connection": "connected"});
    assert_eq!(bench.get("/api/orders/health/status").await.json(), expected);
    let expected = json!({"status": "ok", "services": {
        "clients": {"status": "ok", "database": "memory"},
        "orders": {"status": "ok", "database": "memory"},
        "security": {"status": "ok", "crypto": "not_configured"},
    }});
    assert_eq!(bench.get("/api/health").await.json(), expected);
}

#[tokio::test]
async fn a_store_that_is_down_is_named() {
    let bench = Bench::new();
    bench.orders.fail_all();
    let down = bench.get("/api/orders/health/status").await;
    assert_eq!(down.status, 503);
    assert_eq!((&down.json()["status"], &down.json()["connection"]), (&json!("error"), &json!("disconnected")));
    assert_eq!(bench.get("/api/clients/health/status").await.status, 200);
    let health = bench.get("/api/health").await;
    assert_eq!((health.status.as_u16(), &health.json()["status"]), (200, &json!("degraded")));
    assert_eq!(health.json()["services"]["orders"]["status"], "error");
    assert_eq!(health.json()["services"]["clients"]["status"], "ok");
}

#[tokio::test]
async fn a_store_that_does_not_answer_in_time_is_down() {
    let mut options = HttpOptions::default();
    options.ping_timeout = Duration::from_millis(20);
    let bench = Bench::with(options);
    bench.clients.arm_all(Fault::Stall);
    assert_eq!(bench.get("/api/clients/health/status").await.status, 503);
    let health = bench.get("/api/health").await.json();
    assert_eq!(health["services"]["clients"], json!({"status": "error", "database": "memory"}));
    assert_eq!(health["services"]["security"]["crypto"], "not_configured");
}

/// Status, `status` and `reasons` of `/readyz`, which must be answered in half a second.
async fn readiness(bench: &Bench) -> (u16, Value, Value) {
    let start = Instant::now();
    let answer = bench.get("/readyz").await;
    assert!(start.elapsed() < Duration::from_millis(500), "{:?}", start.elapsed());
    let body = answer.json();
    assert_eq!(answer.header("retry-after"), if answer.status == 503 { "1" } else { "" });
    let live = bench.get("/livez").await;
    assert_eq!((live.status.as_u16(), live.json()), (200, json!({"status": "ok", "reasons": []})));
    (answer.status.as_u16(), body["status"].clone(), body["reasons"].clone())
}

#[tokio::test]
async fn a_server_is_ready_between_its_start_and_its_end() {
    let mut options = HttpOptions::default();
    options.lifecycle = Lifecycle::starting();
    let lifecycle = options.lifecycle.clone();
    let bench = Bench::with(options);
    assert_eq!(readiness(&bench).await, (503, json!("starting"), json!([])));
    lifecycle.set_waiting_for("orders_unavailable");
    assert_eq!(readiness(&bench).await, (503, json!("starting"), json!(["orders_unavailable"])));
    lifecycle.set_ready();
    assert_eq!(readiness(&bench).await, (200, json!("ok"), json!([])));
    lifecycle.set_draining();
    lifecycle.set_ready();
    assert_eq!(readiness(&bench).await, (503, json!("draining"), json!([])));
    // Whoever still asks is served.
    assert_eq!(bench.get("/api/orders/").await.status, 200);
}

#[tokio::test]
async fn a_server_without_its_stores_is_not_ready_and_says_that_it_starts() {
    let lifecycle = Lifecycle::starting();
    lifecycle.set_waiting_for("clients_unavailable");
    let bench = Bench { router: provesi_http::starting_router(lifecycle), ..Bench::new() };
    assert_eq!(readiness(&bench).await, (503, json!("starting"), json!(["clients_unavailable"])));
    for path in ["/api/orders/", "/api/health", "/clients/health", "/orders/api/v1/orders/A-1/status"] {
        let answer = bench.get(path).await;
        assert_eq!(answer.error(), (503, "server.starting".to_owned()), "{path}");
        assert_eq!(answer.header("retry-after"), "1");
    }
    let written = bench.post("/api/orders/", r#"{"order_number":"A-1"}"#).await;
    assert_eq!(written.error(), (503, "server.starting".to_owned()));
    let page = bench.get("/orders/").await;
    assert_eq!((page.status.as_u16(), page.header("retry-after")), (503, "5"));
    assert!(String::from_utf8_lossy(&page.bytes).contains("El sistema está iniciando"));
}

#[tokio::test]
async fn a_lost_store_of_clients_degrades_and_a_lost_store_of_orders_takes_the_readiness() {
    let bench = Bench::new();
    bench.clients.fail_all();
    assert_eq!(readiness(&bench).await, (200, json!("degraded"), json!(["clients_unavailable"])));
    bench.orders.fail_all();
    let reasons = json!(["clients_unavailable", "orders_unavailable"]);
    assert_eq!(readiness(&bench).await, (503, json!("unavailable"), reasons));
    bench.clients.clear();
    bench.orders.clear();
    bench.orders.arm(Call::Ping, Fault::Break, 1);
    assert_eq!(readiness(&bench).await, (503, json!("unavailable"), json!(["orders_failing"])));
    assert_eq!(readiness(&bench).await, (200, json!("ok"), json!([])));
}

#[tokio::test]
async fn a_degraded_store_is_visible_in_every_health_check_and_takes_no_readiness() {
    let bench = Bench::new();
    bench.orders.arm_all(Fault::Degrade);
    assert_eq!(readiness(&bench).await, (200, json!("degraded"), json!(["orders_disk_full"])));
    let health = bench.get("/api/health").await.json();
    assert_eq!((&health["status"], &health["services"]["orders"]["status"]), (&json!("degraded"), &json!("degraded")));
    let orders = bench.get("/api/orders/health/status").await;
    assert_eq!((orders.status.as_u16(), &orders.json()["status"]), (200, &json!("degraded")));
    assert_eq!(orders.json()["connection"], "connected");
    let page = bench.get("/orders/health").await;
    assert_eq!((page.status.as_u16(), &page.json()["databases"]["memory"]), (200, &json!("degraded")));
    assert!(!String::from_utf8_lossy(&page.bytes).contains("secret"));
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_is_reported_in_half_a_second_and_pinged_once() {
    let mut options = HttpOptions::default();
    options.ping_timeout = Duration::from_secs(1);
    let bench = Bench::with(options);
    assert_eq!(readiness(&bench).await.0, 200);
    let _ = bench.orders.take_calls();
    bench.orders.arm_all(Fault::Stall);
    // For as long as the ping may take, the last state is what is known.
    let probes = join_all((0..10).map(|_| readiness(&bench))).await;
    assert!(probes.iter().all(|probe| probe.0 == 200), "{probes:?}");
    assert_eq!(bench.orders.take_calls()[&Call::Ping], 1);
    tokio::time::sleep(Duration::from_millis(700)).await;
    assert_eq!(readiness(&bench).await, (503, json!("unavailable"), json!(["orders_unavailable"])));
    bench.orders.clear();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(readiness(&bench).await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_from_the_start_is_unavailable() {
    let bench = Bench::new();
    bench.orders.arm_all(Fault::Stall);
    assert_eq!(readiness(&bench).await, (503, json!("unavailable"), json!(["orders_unavailable"])));
}
