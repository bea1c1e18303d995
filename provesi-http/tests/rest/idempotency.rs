//! `Idempotency-Key`.

use serde_json::json;

use crate::support::{Answer, Bench};

async fn post(bench: &Bench, path: &str, key: &str, body: &str) -> Answer {
    let headers = [("content-type", "application/json"), ("idempotency-key", key)];
    bench.call("POST", path, &headers, body.to_owned()).await
}

#[tokio::test]
async fn a_write_that_is_sent_again_is_done_once_and_answered_alike() {
    let bench = Bench::new();
    let order = r#"{"order_number":"A-1"}"#;
    let first = post(&bench, "/api/orders/", "k-1", order).await;
    assert_eq!(first.status, 201);
    let (path, key) = ("/api/orders/A-1", [("idempotency-key", "k-2")]);
    let edited = bench.call("PUT", path, &key, r#"{"status":"packing"}"#).await;
    assert_eq!(edited.status, 200);
    assert_eq!(bench.call("PUT", path, &[], r#"{"status":"shipped"}"#).await.status, 200);
    let again = post(&bench, "/api/orders/", "k-1", order).await;
    assert_eq!((again.status, again.json(), again.header("etag")), (first.status, first.json(), first.header("etag")));
    let again = bench.call("PUT", path, &key, r#"{"status":"packing"}"#).await;
    assert_eq!((again.status, again.json()), (edited.status, edited.json()));
    assert_eq!(bench.get(path).await.json()["data"]["status"], "shipped");
    let key = [("idempotency-key", "k-3")];
    for _ in 0..2 {
        let deleted = bench.call("DELETE", path, &key, "").await;
        assert_eq!((deleted.status.as_u16(), &deleted.json()["message"]), (200, &json!("Orden eliminada")));
    }
    assert_eq!(bench.call("DELETE", path, &[], "").await.status, 404);
}

#[tokio::test]
async fn clients_are_written_once_too() {
    let bench = Bench::new();
    let client = r#"{"name":"Ana","email":"ana@example.com"}"#;
    let first = post(&bench, "/api/clients/", "k-1", client).await;
    let again = post(&bench, "/api/clients/", "k-1", client).await;
    assert_eq!((again.status.as_u16(), again.json()), (201, first.json()));
    let path = format!("/api/clients/{}", first.json()["data"]["id"].as_str().unwrap());
    let key = [("idempotency-key", "k-2")];
    for _ in 0..2 {
        let edited = bench.call("PUT", &path, &key, r#"{"name":"Bea"}"#).await;
        assert_eq!((edited.status.as_u16(), &edited.json()["data"]["name"]), (200, &json!("Bea")));
    }
    let key = [("idempotency-key", "k-3")];
    for _ in 0..2 {
        assert_eq!(bench.call("DELETE", &path, &key, "").await.status, 200);
    }
}

#[tokio::test]
async fn another_request_under_the_key_is_422_and_changes_nothing() {
    let bench = Bench::new();
    assert_eq!(post(&bench, "/api/orders/", "k-1", r#"{"order_number":"A-1"}"#).await.status, 201);
    for (path, body) in [
        ("/api/orders/", r#"{"order_number":"A-2"}"#),
        ("/api/orders/", r#"{"order_number":"A-1" }"#),
        ("/api/orders/?x=1", r#"{"order_number":"A-1"}"#),
        ("/api/clients/", r#"{"name":"Ana","email":"ana@example.com"}"#),
    ] {
        let refused = post(&bench, path, "k-1", body).await;
        assert_eq!(
            (refused.status.as_u16(), &refused.json()["code"]),
            (422, &json!("idempotency_key.reused")),
            "{body}"
        );
    }
    assert_eq!(bench.get("/api/orders/").await.json()["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_key_that_cannot_be_one_is_named() {
    let bench = Bench::new();
    let long = "x".repeat(256);
    for key in ["", "a b", "ñ", &long] {
        let refused = post(&bench, "/api/orders/", key, r#"{"order_number":"A-1"}"#).await;
        assert_eq!(refused.status, 422, "{key}");
        assert_eq!(refused.json()["detail"][0]["loc"], json!(["header", "Idempotency-Key"]), "{key}");
    }
    let twice = [("idempotency-key", "a"), ("idempotency-key", "b")];
    assert_eq!(bench.call("POST", "/api/orders/", &twice, r#"{"order_number":"A-1"}"#).await.status, 422);
    // A read needs none.
    assert_eq!(bench.call("GET", "/api/orders/", &[("idempotency-key", "")], "").await.status, 200);
}

#[tokio::test]
async fn a_write_that_was_not_confirmed_is_settled_by_its_key() {
    use provesi_testkit::{Call, Fault};

    let bench = Bench::new();
    bench.orders.arm(Call::Commit, Fault::FailAfter, 1);
    bench.orders.arm(Call::Entries, Fault::FailBefore, 1);
    let order = r#"{"order_number":"A-1"}"#;
    assert_eq!(post(&bench, "/api/orders/", "k-1", order).await.status, 504);
    let settled = post(&bench, "/api/orders/", "k-1", order).await;
    assert_eq!((settled.status.as_u16(), &settled.json()["data"]["order_number"]), (201, &json!("A-1")));
}

#[tokio::test]
async fn a_client_that_is_changed_twice_at_once_is_answered_twice() {
    for _ in 0..20 {
        let bench = Bench::new();
        let path = format!("/api/clients/{}", bench.client("Ana", "ana@example.com").await);
        let key = [("idempotency-key", "k-1")];
        let edit = || bench.call("PUT", &path, &key, r#"{"name":"Bea"}"#);
        let (one, other) = tokio::join!(edit(), edit());
        assert_eq!((one.status.as_u16(), one.json()), (200, other.json()));
    }
}
