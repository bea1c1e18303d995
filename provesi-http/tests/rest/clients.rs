//! `/api/clients/…`.

use std::time::Duration;

use provesi_http::HttpOptions;
use provesi_testkit::{Call, Fault, Faults};
use serde_json::{Value, json};

use crate::support::Bench;

const UNKNOWN: &str = "/api/clients/507f1f77bcf86cd799439011";

#[tokio::test]
async fn a_client_is_made_read_edited_and_deleted() {
    let bench = Bench::new();
    let body = r#"{"name":"Ana Pérez","email":" Ana@Example.COM ","phone":"1","address":"x"}"#;
    let made = bench.post("/api/clients/", body).await;
    assert_eq!(made.status, 201);
    let data = &made.json()["data"];
    let id = data["id"].as_str().unwrap();
    let expected = json!({"status": "success", "data": {
        "id": id, "name": "Ana Pérez", "email": "Ana@example.com", "phone": "1", "address": "x",
        "created_at": "2026-11-24T03:56:37.000Z", "updated_at": "2026-11-24T03:56:37.000Z",
    }});
    assert_eq!(made.json(), expected);
    // The instant in microseconds, and a checksum of the rest.
    let etag = made.header("etag");
    assert!(etag.starts_with("\"1795492597000000-") && etag.len() == 27, "{etag}");

    let path = format!("/api/clients/{}", id.to_uppercase());
    let edited = bench.put(&path, r#"{"phone":"","name":null,"address":"y"}"#).await;
    let data = &edited.json()["data"];
    assert_eq!((&data["phone"], &data["name"], &data["address"]), (&json!(""), &json!("Ana Pérez"), &json!("y")));
    assert_ne!(edited.header("etag"), made.header("etag"));

    let read = bench.get(&path).await;
    assert_eq!(read.header("etag"), edited.header("etag"));
    assert_eq!(read.json()["data"]["orders"], json!([]));
    assert_eq!(read.json()["data"]["updated_at"], edited.json()["data"]["updated_at"]);

    let deleted = bench.call("DELETE", &path, &[], "").await;
    assert_eq!(deleted.json(), json!({"status": "success", "message": "Cliente eliminado"}));
    assert_eq!(bench.get(&path).await.error(), (404, "client.not_found".to_owned()));
    assert_eq!(bench.call("DELETE", &path, &[], "").await.error().0, 404);
}

#[tokio::test]
async fn a_client_shows_its_orders_and_they_stay_when_it_goes() {
    let bench = Bench::new();
    let id = bench.client("Ana", "ana@example.com").await;
    bench.order("A-1", Some(&id)).await;
    bench.order("A-2", Some(&id.to_uppercase())).await;
    bench.order("B-1", None).await;
    let read = bench.get(&format!("/api/clients/{id}")).await.json();
    let orders = read["data"]["orders"].as_array().unwrap();
    assert_eq!(orders.iter().map(|order| &order["order_number"]).collect::<Vec<_>>(), ["A-2", "A-1"]);
    let mut keys: Vec<_> = orders[0].as_object().unwrap().keys().cloned().collect();
    keys.sort();
    assert_eq!(keys, ["created_at", "id", "order_number", "status", "status_display", "updated_at"]);

    bench.call("DELETE", &format!("/api/clients/{id}"), &[], "").await;
    let order = bench.get("/api/orders/A-1").await.json();
    assert_eq!(order["data"]["client_id"], Value::Null);
    assert_eq!(order["data"].get("client"), None);
}

#[tokio::test]
async fn faults_are_told_in_the_order_body_id_record() {
    let bench = Bench::new();
    for path in ["/api/clients/abc", UNKNOWN] {
        assert_eq!(bench.put(path, r#"{"name":1}"#).await.status, 422);
    }
    let invalid = bench.put("/api/clients/abc", "{}").await;
    assert_eq!(invalid.error(), (400, "client.invalid_id".to_owned()));
    assert_eq!(invalid.json()["detail"], "ID de cliente inválido");
    assert_eq!(bench.put(UNKNOWN, "{}").await.error(), (404, "client.not_found".to_owned()));
    assert_eq!(bench.call("DELETE", "/api/clients/abc", &[], "").await.error().0, 400);
}

#[tokio::test]
async fn an_email_is_taken_whatever_the_letter_case() {
    let bench = Bench::new();
    bench.client("Ana", "ana@example.com").await;
    let other = bench.client("Beto", "beto@example.com").await;
    let body = r#"{"name":"Otra","email":"ANA@Example.com"}"#;
    for answer in [bench.post("/api/clients/", body).await, bench.put(&format!("/api/clients/{other}"), body).await] {
        assert_eq!(answer.json(), json!({"detail": "El email ya existe", "code": "client.email_taken"}));
        assert_eq!(answer.status, 400);
    }
    assert_eq!(bench.get(&format!("/api/clients/{other}")).await.json()["data"]["name"], "Beto");
}

#[tokio::test]
async fn a_write_of_an_older_version_changes_nothing() {
    let bench = Bench::new();
    let id = bench.client("Ana", "ana@example.com").await;
    let path = format!("/api/clients/{id}");
    let old = bench.get(&path).await.header("etag").to_owned();
    let new = bench.put(&path, r#"{"name":"Ana María"}"#).await.header("etag").to_owned();
    for stale in [old.as_str(), "W/\"1\"", "x", "\"1\", \"2\"", &format!("W/{new}")] {
        for method in ["PUT", "DELETE"] {
            let answer = bench.call(method, &path, &[("if-match", stale)], r#"{"name":"Otra"}"#).await;
            assert_eq!(answer.error(), (412, "conflict.version".to_owned()), "{method} {stale}");
            assert_eq!(answer.json()["current"]["name"], "Ana María");
            assert_eq!(answer.header("etag"), new);
        }
    }
    let unknown = bench.call("PUT", UNKNOWN, &[("if-match", "x")], "{}").await;
    assert_eq!(unknown.error().0, 404);
    let either = format!("\"1\", {new}");
    let edited = bench.call("PUT", &path, &[("if-match", &either)], r#"{"name":"Otra"}"#).await;
    assert_eq!(edited.status, 200);
    assert_eq!(bench.call("DELETE", &path, &[("if-match", "*")], "").await.status, 200);
}

#[tokio::test]
async fn with_the_orders_down_a_client_is_shown_with_a_warning_and_not_deleted() {
    let bench = Bench::new();
    let id = bench.client("Ana", "ana@example.com").await;
    bench.order("A-1", Some(&id)).await;
    bench.orders.fail_all();
    let path = format!("/api/clients/{id}");
    let read = bench.get(&path).await;
    assert_eq!((read.status.as_u16(), &read.json()["data"]["orders"]), (200, &Value::Null));
    assert_eq!(read.json()["warnings"], json!(["orders_unavailable"]));
    assert_eq!(read.json()["data"]["name"], "Ana");
    assert!(!read.header("etag").is_empty());
    let refused = bench.call("DELETE", &path, &[], "").await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after").is_empty()), (503, false));
    bench.orders.clear();
    assert_eq!(bench.get(&path).await.status, 200);
    assert_eq!(bench.call("DELETE", &path, &[], "").await.status, 200);
}

#[tokio::test]
async fn a_store_that_fails_is_told_without_its_words() {
    let bench = Bench::new();
    let id = bench.client("Ana", "ana@example.com").await;
    let path = format!("/api/clients/{id}");
    let calls = [
        ("GET", "/api/clients/", ""),
        ("POST", "/api/clients/", r#"{"name":"B","email":"b@example.com"}"#),
        ("GET", path.as_str(), ""),
        ("PUT", path.as_str(), "{}"),
        ("DELETE", path.as_str(), ""),
    ];
    bench.clients.fail_all();
    for (method, path, body) in calls {
        let answer = bench.call(method, path, &[], body).await;
        assert_eq!(answer.error(), (503, "store.unavailable".to_owned()), "{method} {path}");
        assert_eq!(answer.header("retry-after"), "1");
        assert!(!String::from_utf8_lossy(&answer.bytes).contains(Faults::CAUSE));
    }
    bench.clients.arm_all(Fault::Break);
    for (method, path, body) in calls {
        let answer = bench.call(method, path, &[], body).await;
        assert_eq!(answer.error(), (500, "internal".to_owned()), "{method} {path}");
        assert!(answer.header("retry-after").is_empty());
        assert!(!String::from_utf8_lossy(&answer.bytes).contains(Faults::CAUSE));
    }
}

#[tokio::test]
async fn a_deletion_that_is_cut_goes_on_to_its_end() {
    let mut options = HttpOptions::default();
    options.timeout = Duration::from_millis(50);
    let bench = Bench::with(options);
    let id = bench.client("Ana", "ana@example.com").await;
    bench.order("A-1", Some(&id)).await;
    bench.orders.stall(Call::Commit);
    let cut = bench.call("DELETE", &format!("/api/clients/{id}"), &[], "").await;
    assert_eq!(cut.error(), (504, "outcome_unknown".to_owned()));
    assert_eq!(bench.get("/api/orders/A-1").await.json()["data"]["client_id"], id);
    bench.orders.clear();
    let detached = async {
        while bench.get("/api/orders/A-1").await.json()["data"]["client_id"] != Value::Null {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), detached).await.expect("the order is taken off the client");
}
