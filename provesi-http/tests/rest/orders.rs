//! `/api/orders/…`.

use axum::Router;
use provesi_core::{OrderStatus, StatusFlow};
use serde_json::{Value, json};

use crate::support::Bench;

#[tokio::test]
async fn an_order_is_made_read_edited_and_deleted() {
    let bench = Bench::new();
    let client = bench.client("Ana", "ana@example.com").await;
    let body = json!({"order_number": "Ord-1", "client_id": client, "status": "picking"}).to_string();
    let made = bench.post("/api/orders/", &body).await;
    assert_eq!(made.status, 201);
    let mut expected = json!({
        "id": 1, "order_number": "Ord-1", "client_id": client, "status": "picking",
        "status_display": "Alistamiento", "created_at": "2026-11-24T03:56:37.001Z",
        "updated_at": "2026-11-24T03:56:37.001Z",
        "next_statuses": ["received", "packing", "shipped", "delivered", "returned", "cancelled"],
    });
    assert_eq!(made.json()["data"], expected);

    let read = bench.get("/api/orders/oRD-1").await;
    expected["client"] = json!({
        "id": client, "name": "Ana", "email": "ana@example.com", "phone": "", "address": "",
        "created_at": "2026-11-24T03:56:37.000Z", "updated_at": "2026-11-24T03:56:37.000Z",
    });
    assert_eq!(read.json(), json!({"status": "success", "data": expected}));
    assert_eq!(read.header("etag"), made.header("etag"));

    let edited = bench.put("/api/orders/ord-1", r#"{"client_id":"","status":"returned","return_reason":"roto"}"#).await;
    let data = &edited.json()["data"];
    assert_eq!((&data["client_id"], &data["return_reason"]), (&Value::Null, &json!("roto")));
    assert!(data["returned_at"].as_str().unwrap().ends_with('Z'));

    let left = bench.put("/api/orders/ord-1", r#"{"status":"received"}"#).await.json();
    assert_eq!((left["data"].get("return_reason"), left["data"].get("returned_at")), (None, None));

    let deleted = bench.call("DELETE", "/api/orders/ORD-1", &[], "").await;
    assert_eq!(deleted.json(), json!({"status": "success", "message": "Orden eliminada"}));
    for method in ["GET", "PUT", "DELETE"] {
        assert_eq!(bench.call(method, "/api/orders/ORD-1", &[], "{}").await.error(), (404, "order.not_found".into()));
    }
}

#[tokio::test]
async fn what_the_use_case_refuses_has_its_text_and_code() {
    let bench = Bench::new();
    bench.order("A-1", None).await;
    bench.order("A-2", None).await;
    let cases = [
        (
            r#"{"order_number":"a b"}"#,
            "order.invalid_number",
            "El código solo puede contener letras, números y guiones",
        ),
        (r#"{"order_number":""}"#, "order.invalid_number", "El código solo puede contener letras, números y guiones"),
        (r#"{"order_number":"a-2"}"#, "order.number_taken", "El número de orden ya existe"),
        // Of several faults, the one that the contract puts first.
        (
            r#"{"order_number":"a-2","status":"returned","return_reason":" ","client_id":"x"}"#,
            "order.number_taken",
            "El número de orden ya existe",
        ),
        (
            r#"{"order_number":"N","status":"returned","return_reason":" ","client_id":"x"}"#,
            "order.reason_required",
            "return_reason es requerido para estado devuelto",
        ),
        (r#"{"order_number":"N","client_id":"x"}"#, "order.client_not_found", "Cliente no encontrado"),
        (
            r#"{"order_number":"N","client_id":"507f1f77bcf86cd799439011"}"#,
            "order.client_not_found",
            "Cliente no encontrado",
        ),
    ];
    for (body, code, detail) in cases {
        for answer in [bench.post("/api/orders/", body).await, bench.put("/api/orders/A-1", body).await] {
            assert_eq!(answer.status, 400, "{body}");
            assert_eq!(answer.json(), json!({"detail": detail, "code": code}), "{body}");
        }
    }
    assert_eq!(bench.get("/api/orders/").await.json()["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_flow_refuses_and_tells_what_may_come_next() {
    let bench = Bench::new();
    let app = bench.app.clone().with_flow(StatusFlow::strict());
    let bench = Bench { router: Router::new().merge(provesi_http::router(app)), ..bench };
    bench.order("A-1", None).await;
    let read = bench.get("/api/orders/A-1").await.json();
    assert_eq!(read["data"]["next_statuses"], json!([OrderStatus::Picking, OrderStatus::Cancelled]));
    let refused = bench.put("/api/orders/A-1", r#"{"status":"delivered"}"#).await;
    assert_eq!(refused.error(), (400, "order.transition_refused".to_owned()));
    assert_eq!(refused.json()["detail"], "Una orden en estado Recibido no puede pasar a Entregado");
}

#[tokio::test]
async fn a_write_of_an_older_version_changes_nothing() {
    let bench = Bench::new();
    let old = bench.order("A-1", None).await;
    let new = bench.put("/api/orders/A-1", r#"{"status":"picking"}"#).await.header("etag").to_owned();
    for stale in [old.as_str(), "\"1\", \"2\"", "x"] {
        for method in ["PUT", "DELETE"] {
            let answer = bench.call(method, "/api/orders/A-1", &[("if-match", stale)], r#"{"status":"packing"}"#).await;
            assert_eq!(answer.error(), (412, "conflict.version".to_owned()), "{method} {stale}");
            assert_eq!(answer.json()["current"]["status"], "picking");
            assert_eq!(answer.json()["current"]["next_statuses"].as_array().unwrap().len(), 6);
            assert_eq!(answer.header("etag"), new);
        }
        assert_eq!(bench.call("PUT", "/api/orders/X", &[("if-match", stale)], "{}").await.error().0, 404);
    }
    let both = format!("{old}, {new}");
    let edited = bench.call("PUT", "/api/orders/A-1", &[("if-match", &both)], r#"{"status":"packing"}"#).await;
    assert_eq!(edited.json()["data"]["status"], "packing");
    let deleted = bench.call("DELETE", "/api/orders/A-1", &[("if-match", edited.header("etag"))], "").await;
    assert_eq!(deleted.status, 200);
}

#[tokio::test]
async fn the_history_is_told_page_by_page() {
    let bench = Bench::new();
    bench.order("A-1", None).await;
    bench.put("/api/orders/A-1", r#"{"status":"returned","return_reason":"roto"}"#).await;
    bench.put("/api/orders/A-1", r#"{"order_number":"A-9"}"#).await;
    let all = bench.get("/api/orders/a-9/history").await.json();
    let types: Vec<_> = all["data"].as_array().unwrap().iter().map(|event| &event["type"]).collect();
    assert_eq!(types, ["created", "returned", "renumbered"]);
    assert_eq!(all["next_cursor"], Value::Null);
    let second = &all["data"][1];
    let expected = json!({
        "id": 2, "at": second["at"], "actor": "anonymous", "address": null, "order_number": "A-1",
        "type": "returned", "from": "received", "reason": "roto",
    });
    assert_eq!(second, &expected);

    let page = bench.get("/api/orders/A-9/history?limit=2").await.json();
    assert_eq!((page["data"].as_array().unwrap().len(), &page["next_cursor"]), (2, &json!(2)));
    let rest = bench.get("/api/orders/A-9/history?limit=1&after=2").await.json();
    assert_eq!((&rest["data"][0]["type"], &rest["next_cursor"]), (&json!("renumbered"), &Value::Null));

    bench.call("DELETE", "/api/orders/A-9", &[], "").await;
    let deleted = bench.get("/api/orders/A-9/history?after=3").await.json();
    assert_eq!(deleted["data"][0]["type"], "deleted");
    assert_eq!(bench.get("/api/orders/A-9/history?after=4").await.json()["data"], json!([]));
    assert_eq!(bench.get("/api/orders/NOPE/history").await.error().0, 404);
    assert_eq!(bench.get("/api/orders/NOPE/history?after=4").await.error().0, 404);
    let refused = bench.get("/api/orders/A-9/history?limit=0&after=-1").await;
    assert_eq!(refused.faults(), ["greater_than_equal query.limit", "greater_than_equal query.after"]);
}

#[tokio::test]
async fn with_the_clients_down_orders_are_shown_and_writes_that_need_a_client_are_not_done() {
    let bench = Bench::new();
    let client = bench.client("Ana", "ana@example.com").await;
    bench.order("A-1", Some(&client)).await;
    bench.order("A-2", None).await;
    bench.clients.fail_all();
    let read = bench.get("/api/orders/A-1").await;
    assert_eq!((read.status.as_u16(), &read.json()["data"]["client"]), (200, &Value::Null));
    assert!(read.json()["data"].as_object().unwrap().contains_key("client"));
    assert_eq!(read.json()["data"]["client_id"], client);
    assert_eq!(read.json()["warnings"], json!(["clients_unavailable"]));
    assert_eq!(bench.get("/api/orders/A-2").await.json().get("warnings"), None);

    let body = json!({"order_number": "A-3", "client_id": client}).to_string();
    let answer = bench.post("/api/orders/", &body).await;
    assert_eq!((answer.error().0, answer.header("retry-after")), (503, "1"));
    assert_eq!(bench.post("/api/orders/", r#"{"order_number":"A-3"}"#).await.status, 201);
    assert_eq!(bench.put("/api/orders/A-1", r#"{"status":"packing"}"#).await.status, 200);
}

#[tokio::test]
async fn with_the_orders_down_every_route_says_so() {
    let bench = Bench::new();
    bench.orders.fail_all();
    for (method, path) in [
        ("GET", "/api/orders/"),
        ("GET", "/api/orders/?limit=1"),
        ("POST", "/api/orders/"),
        ("GET", "/api/orders/returns"),
        ("GET", "/api/orders/A-1"),
        ("PUT", "/api/orders/A-1"),
        ("DELETE", "/api/orders/A-1"),
        ("GET", "/api/orders/A-1/history"),
    ] {
        let answer = bench.call(method, path, &[], r#"{"order_number":"A-1"}"#).await;
        assert_eq!(answer.error(), (503, "store.unavailable".to_owned()), "{method} {path}");
        assert_eq!(answer.header("retry-after"), "1");
    }
}
