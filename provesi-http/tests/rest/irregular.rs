//! Records that another program wrote against the rules: shown as they are, with the rules that they break, and repaired or
//! deleted like any other.

use provesi_core::{ClientRow, OrderRow, Timestamp};
use provesi_testkit::data::{client_row, order_row, with};
use serde_json::json;

use crate::support::Bench;

const ID: &str = "000000000000000000000007";

fn order(id: i64, number: &str, status: &str, client: Option<&str>) -> OrderRow {
    with(order_row(id, number, status), |it| it.client_id = client.map(str::to_owned))
}

fn client(name: &str, address: &str) -> ClientRow {
    with(client_row(7, name), |it| it.address = Some(address.to_owned()))
}

#[tokio::test]
async fn an_order_of_an_unknown_status_is_shown_repaired_and_deleted() {
    let bench = Bench::new();
    bench.memory.plant_order(order(7, "A-7", "nonsense", None));
    let broken = json!([{"field": "status", "rule": "unknown_status"}]);
    let listed = bench.get("/api/orders/").await.json();
    assert_eq!((&listed["data"][0]["id"], &listed["data"][0]["irregular"]), (&json!(7), &broken));
    let got = bench.get("/api/orders/a-7").await;
    let data = got.json()["data"].clone();
    assert_eq!(got.status, 200);
    assert_eq!(
        (&data["status"], &data["status_display"], &data["irregular"]),
        (&json!("nonsense"), &json!("nonsense"), &broken)
    );
    assert_eq!(data["next_statuses"], json!([]));
    let told = bench.get("/orders/api/v1/orders/A-7/status").await.json();
    assert_eq!((&told["status"], &told["status_display"]), (&json!("nonsense"), &json!("nonsense")));

    // What leaves the status as it is, is refused, and changes nothing.
    let refused = bench.put("/api/orders/A-7", r#"{"order_number": "B-7"}"#).await;
    assert_eq!(refused.faults(), ["enum body.status"]);
    assert_eq!(bench.get("/api/orders/A-7").await.header("etag"), got.header("etag"));
    let etag = got.header("etag");
    let body = r#"{"status": "packing"}"#;
    let headers = [("content-type", "application/json"), ("if-match", etag)];
    let repaired = bench.call("PUT", "/api/orders/A-7", &headers, body).await;
    let data = repaired.json()["data"].clone();
    assert_eq!((repaired.status.as_u16(), &data["status"], &data["irregular"]), (200, &json!("packing"), &json!(null)));
    let stale = bench.call("PUT", "/api/orders/A-7", &headers, body).await;
    assert_eq!((stale.status.as_u16(), &stale.json()["current"]["status"]), (412, &json!("packing")));
    let events = bench.get("/api/orders/A-7/history").await.json()["data"].clone();
    assert_eq!(events.as_array().unwrap().len(), 1);
    assert_eq!((&events[0]["type"], &events[0]["status"]), (&json!("repaired"), &json!("packing")));
    assert_eq!(events[0]["from"], json!({"order_number": "A-7", "status": "nonsense", "client_id": null}));

    bench.memory.plant_order(order(8, "A-8", "nonsense", None));
    assert_eq!(bench.call("DELETE", "/api/orders/A-8", &[], "").await.status, 200);
    let events = bench.get("/api/orders/A-8/history").await.json()["data"].clone();
    assert_eq!((&events[0]["type"], &events[0]["status"]), (&json!("deleted"), &json!("nonsense")));
}

#[tokio::test]
async fn the_reason_of_a_return_outlives_a_status_that_is_misspelt() {
    let bench = Bench::new();
    let returned_at = Timestamp::from_micros(1_795_000_000_000_000).ok();
    let reason = Some("Llegó roto".to_owned());
    for (id, body, kept) in [(1, json!({"status": "returned"}), true), (2, json!({"status": "packing"}), false)] {
        let row = order(id, &format!("A-{id}"), "Returned", None);
        bench.memory.plant_order(with(row, |it| {
            it.return_reason = reason.clone();
            it.returned_at = returned_at;
        }));
        let path = format!("/api/orders/A-{id}");
        let before = bench.get(&path).await.json()["data"].clone();
        assert_eq!((&before["return_reason"], before["returned_at"].is_string()), (&json!(reason), true));
        let after = bench.put(&path, &body.to_string()).await;
        assert_eq!(after.status, 200, "{:?}", after.bytes);
        let after = after.json()["data"].clone();
        assert_eq!(after.get("returned_at"), before.get("returned_at").filter(|_| kept));
        assert_eq!(after.get("return_reason"), before.get("return_reason").filter(|_| kept));
        let event = bench.get(&format!("{path}/history")).await.json()["data"][0].clone();
        assert_eq!(event["from"]["return_info"]["reason"], json!(reason));
    }
}

#[tokio::test]
async fn an_order_may_have_the_number_by_id() {
    let bench = Bench::new();
    bench.order("by-id", None).await;
    assert_eq!(bench.get("/api/orders/by-id").await.status, 200);
    let events = bench.get("/api/orders/by-id/history").await.json()["data"].clone();
    assert_eq!(events[0]["order_number"], json!("by-id"));
}

#[tokio::test]
async fn an_order_whose_number_cannot_be_asked_for_is_reached_by_its_id() {
    let bench = Bench::new();
    bench.memory.plant_order(order(7, "A-7\n", "received", Some("nobody")));
    let path = "/api/orders/by-id/7";
    let got = bench.get(path).await;
    let data = got.json()["data"].clone();
    let broken = json!([
        {"field": "order_number", "rule": "number_charset"},
        {"field": "client_id", "rule": "object_id"},
    ]);
    assert_eq!((&data["order_number"], &data["client_id"]), (&json!("A-7\n"), &json!("nobody")));
    assert_eq!(data["irregular"], broken);
    assert_eq!(bench.get("/api/orders/A-7%0A").await.status, 404);
    for absent in ["8", "x", "+7", "07", "9223372036854775808"] {
        let path = format!("/api/orders/by-id/{absent}");
        assert_eq!(bench.get(&path).await.error(), (404, "order.not_found".to_owned()), "{absent}");
        assert_eq!(bench.put(&path, "{}").await.status, 404, "{absent}");
    }
    let refused = bench.put(path, r#"{"status": "packing"}"#).await;
    assert_eq!(refused.faults(), ["value_error body.order_number", "value_error body.client_id"]);
    let refused = bench.put(path, r#"{"client_id": ""}"#).await;
    assert_eq!(refused.error(), (400, "order.invalid_number".to_owned()));
    let refused = bench.put(path, r#"{"order_number": "A-7"}"#).await;
    assert_eq!(refused.faults(), ["value_error body.client_id"]);
    let repaired = bench.put(path, r#"{"order_number": "A-7", "client_id": ""}"#).await;
    assert_eq!((repaired.status.as_u16(), &repaired.json()["data"]["client_id"]), (200, &json!(null)));
    assert_eq!(bench.get("/api/orders/A-7").await.json()["data"]["id"], json!(7));

    bench.memory.plant_order(order(9, "", "received", None));
    assert_eq!(bench.get("/api/orders/").await.json()["data"].as_array().unwrap().len(), 2);
    assert_eq!(bench.call("DELETE", "/api/orders/by-id/9", &[("if-match", "\"other\"")], "").await.status, 412);
    assert_eq!(bench.call("DELETE", "/api/orders/by-id/9", &[], "").await.status, 200);
    assert_eq!(bench.get("/api/orders/by-id/9").await.status, 404);
}

#[tokio::test]
async fn a_client_that_breaks_rules_is_shown_has_orders_and_is_repaired() {
    let bench = Bench::new();
    bench.memory.plant_client(client(" ", &"x".repeat(1_001)));
    let broken = json!([{"field": "name", "rule": "blank"}, {"field": "address", "rule": "too_long"}]);
    let listed = bench.get("/api/clients/").await.json();
    assert_eq!((&listed["data"][0]["name"], &listed["data"][0]["irregular"]), (&json!(" "), &broken));
    let path = format!("/api/clients/{ID}");
    assert_eq!(bench.get(&path).await.json()["data"]["irregular"], broken);

    bench.order("A-1", Some(ID)).await;
    let made = bench.get("/api/orders/A-1").await.json()["data"].clone();
    assert_eq!((&made["client"]["irregular"], &made["irregular"]), (&broken, &json!(null)));

    let refused = bench.put(&path, r#"{"name": "Ana"}"#).await;
    assert_eq!(refused.faults(), ["string_too_long body.address"]);
    let repaired = bench.put(&path, r#"{"name": "Ana", "address": ""}"#).await;
    assert_eq!((repaired.status.as_u16(), &repaired.json()["data"]["irregular"]), (200, &json!(null)));
    bench.memory.plant_order(order(9, "A-9", "", Some(ID)));
    let orders = bench.get(&path).await.json()["data"]["orders"].clone();
    let broken = json!([{"field": "status", "rule": "unknown_status"}]);
    assert_eq!((&orders[0]["irregular"], &orders[1]["irregular"]), (&json!(null), &broken));
    bench.memory.plant_client(client("", "x"));
    assert_eq!(bench.call("DELETE", &path, &[], "").await.status, 200);
    assert_eq!(bench.get("/api/orders/A-1").await.json()["data"]["client_id"], json!(null));
}
