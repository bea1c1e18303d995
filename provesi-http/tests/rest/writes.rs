//! Writes whose outcome their caller does not learn.

use std::time::Duration;

use axum::body::{Body, Bytes};
use futures_util::{StreamExt, poll, stream};
use provesi_http::{HttpOptions, Lifecycle};
use provesi_testkit::{Call, Fault};
use serde_json::json;

use crate::support::{Answer, Bench};

fn bench_with_timeout(timeout: Duration) -> (Bench, Lifecycle) {
    let mut options = HttpOptions::default();
    options.timeout = timeout;
    let lifecycle = options.lifecycle.clone();
    (Bench::with(options), lifecycle)
}

/// Asserts that an answer says that the outcome is unknown, and returns where to look.
fn location(answer: &Answer) -> &str {
    assert_eq!(answer.error(), (504, "outcome_unknown".to_owned()), "{:?}", answer.bytes);
    assert_eq!(answer.header("retry-after"), "");
    answer.header("location")
}

const ORDER: &str = r#"{"order_number":"A-1"}"#;

#[tokio::test]
async fn a_write_that_takes_too_long_is_of_unknown_outcome_and_goes_on() {
    let (bench, lifecycle) = bench_with_timeout(Duration::from_millis(100));
    bench.orders.stall(Call::Commit);
    assert_eq!(location(&bench.post("/api/orders/", ORDER).await), "A-1");
    // The server waits for it when it stops.
    let finished = lifecycle.finish_writes();
    assert!(tokio::time::timeout(Duration::from_millis(100), finished).await.is_err());
    bench.orders.clear();
    lifecycle.finish_writes().await;
    assert_eq!(bench.get("/api/orders/A-1").await.status, 200);
}

#[tokio::test]
async fn a_read_that_takes_too_long_is_to_be_repeated() {
    let (bench, _) = bench_with_timeout(Duration::from_millis(20));
    bench.orders.stall(Call::GetMany);
    let answer = bench.get("/api/orders/A-1").await;
    assert_eq!((answer.error(), answer.header("retry-after")), ((503, "request.timed_out".to_owned()), "1"));
}

#[tokio::test]
async fn a_write_whose_body_does_not_arrive_is_not_made() {
    let (bench, _) = bench_with_timeout(Duration::from_millis(20));
    for path in ["/api/orders/", "/api/clients/"] {
        let start = stream::iter([Ok::<_, std::io::Error>(Bytes::from(ORDER))]);
        let body = Body::from_stream(start.chain(stream::pending()));
        let answer = bench.call("POST", path, &[], body).await;
        assert_eq!((answer.error(), answer.header("retry-after")), ((408, "request.body_timed_out".to_owned()), ""));
    }
    assert!(bench.orders.take_calls().is_empty() && bench.clients.take_calls().is_empty());
}

#[tokio::test]
async fn a_body_that_the_server_stops_waiting_for_is_not_arrived_in_time() {
    let bench = Bench::new();
    let slow = stream::iter([Err::<Bytes, _>(std::io::Error::from(std::io::ErrorKind::TimedOut))]);
    let answer = bench.call("POST", "/api/orders/", &[], Body::from_stream(slow)).await;
    assert_eq!(answer.error(), (408, "request.body_timed_out".to_owned()));
}

#[tokio::test]
async fn a_write_whose_caller_is_gone_before_it_starts_is_never_made() {
    let (bench, lifecycle) = bench_with_timeout(Duration::from_secs(30));
    {
        let mut call = Box::pin(bench.post("/api/orders/", ORDER));
        // On one thread, on which nothing else runs meanwhile: the handler has queued its write, which has not started.
        for _ in 0..10 {
            assert!(poll!(&mut call).is_pending());
        }
    }
    lifecycle.finish_writes().await;
    assert!(bench.orders.take_calls().is_empty());
    assert_eq!(bench.get("/api/orders/A-1").await.status, 404);
}

#[tokio::test]
async fn a_write_that_the_store_does_not_confirm_says_where_to_look() {
    let bench = Bench::new();
    let client = bench.client("Ana", "ana@example.com").await;
    bench.order("A-1", Some(&client)).await;
    let client_path = format!("/api/clients/{client}");
    bench.orders.arm(Call::Commit, Fault::FailAfter, 1);
    let created = bench.post("/api/orders/", r#"{"order_number":"A-2"}"#).await;
    assert_eq!(location(&created), "A-2");
    assert_eq!(bench.get("/api/orders/A-2").await.status, 200);
    bench.orders.arm(Call::Commit, Fault::FailAfter, 1);
    assert_eq!(location(&bench.put("/api/orders/a-1", r#"{"status":"packing"}"#).await), "a-1");
    bench.orders.arm(Call::Commit, Fault::FailAfter, 1);
    assert_eq!(location(&bench.call("DELETE", "/api/orders/A-1", &[], "").await), "A-1");
    bench.clients.arm(Call::Commit, Fault::FailAfter, 1);
    assert_eq!(location(&bench.put(&client_path, r#"{"name":"Bea"}"#).await), client);
    bench.clients.arm(Call::Commit, Fault::FailAfter, 1);
    assert_eq!(location(&bench.call("DELETE", &client_path, &[], "").await), client);
    // A new client has no id that its caller knows.
    bench.clients.arm(Call::Commit, Fault::FailAfter, 1);
    assert_eq!(location(&bench.post("/api/clients/", r#"{"name":"Bea","email":"b@example.com"}"#).await), "");
}

#[tokio::test]
async fn a_later_step_that_is_not_confirmed_leaves_the_answer_of_the_first() {
    let bench = Bench::new();
    let client = bench.client("Ana", "ana@example.com").await;
    let order = json!({"order_number": "A-1", "client_id": client}).to_string();
    assert_eq!(bench.post("/api/orders/", &order).await.status, 201);
    // The first write is the record that the client is being deleted.
    bench.orders.arm_after(Call::Commit, Fault::FailAfter, 1);
    let deleted = bench.call("DELETE", &format!("/api/clients/{client}"), &[], "").await;
    assert_eq!((deleted.status.as_u16(), &deleted.json()["warnings"]), (200, &json!(["orders_unavailable"])));
}
