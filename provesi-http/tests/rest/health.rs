//! Health.

use std::time::Duration;

use provesi_http::{HttpOptions, SecurityReport};
use provesi_testkit::Fault;
use serde_json::json;

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
    options.security = SecurityReport::new("ok", "working");
    let bench = Bench::with(options);
    bench.clients.arm_all(Fault::Stall);
    assert_eq!(bench.get("/api/clients/health/status").await.status, 503);
    let health = bench.get("/api/health").await.json();
    assert_eq!(health["services"]["clients"], json!({"status": "error", "database": "memory"}));
    assert_eq!(health["services"]["security"]["crypto"], "working");
}
