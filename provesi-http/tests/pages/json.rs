//! The JSON paths beside the pages.

use serde_json::json;

use crate::support::Bench;

#[tokio::test]
async fn a_client_is_told_without_what_is_personal() {
    let bench = Bench::new();
    let id = bench.client("Ana", "ana@example.com").await;
    let browser = bench.browser();
    let told = browser.get(&format!("/clients/api/v1/{id}/")).await;
    assert_eq!((told.status.as_u16(), told.header("content-type")), (200, "application/json"));
    let created_at = bench.stored_client(&id).await["created_at"].clone();
    assert_eq!(told.json(), json!({"id": id, "name": "Ana", "email": "***", "phone": "***", "created_at": created_at}));
    assert_eq!(told.header("set-cookie"), "");
    for (id, status, error) in
        [("abc", 400, "ID de cliente inválido"), ("6b050af58b3059b0f61239f2", 404, "Cliente no encontrado")]
    {
        let answer = browser.get(&format!("/clients/api/v1/{id}/")).await;
        assert_eq!((answer.status.as_u16(), answer.json()), (status, json!({ "error": error })));
    }
    bench.clients.fail_all();
    assert_eq!(browser.get(&format!("/clients/api/v1/{id}/")).await.status, 503);
}

#[tokio::test]
async fn an_order_tells_where_it_stands() {
    let bench = Bench::new();
    let id = bench.client("Ana", "ana@example.com").await;
    bench.order("A-1", Some(&id)).await;
    let browser = bench.browser();
    let path = "/orders/api/v1/orders/a-1/status";
    let stored = bench.stored_order("A-1").await;
    let expected = json!({
        "order_number": "A-1", "status": "received", "status_display": "Recibido", "client": "Ana", "client_id": id,
        "last_updated": stored["updated_at"],
    });
    assert_eq!(browser.get(path).await.json(), expected);
    let fields = [("order_number", "A-1"), ("client", ""), ("status", "returned"), ("return_reason", "Roto")];
    browser.fill("/orders/A-1/edit/", &fields).await;
    let stored = bench.stored_order("A-1").await;
    let expected = json!({
        "order_number": "A-1", "status": "returned", "status_display": "Devuelto", "client": null, "client_id": null,
        "last_updated": stored["updated_at"], "return_reason": "Roto", "returned_at": stored["returned_at"],
    });
    assert_eq!(browser.get(path).await.json(), expected);
    for number in ["X-9", "X_9"] {
        let answer = browser.get(&format!("/orders/api/v1/orders/{number}/status")).await;
        assert_eq!((answer.status.as_u16(), answer.json()), (404, json!({ "error": "Orden no encontrada" })));
    }
}

#[tokio::test]
async fn each_service_tells_whether_its_store_answers() {
    let bench = Bench::new();
    let browser = bench.browser();
    let well = json!({ "ok": true, "service": "clients", "databases": { "memory": "ok" } });
    assert_eq!(browser.get("/clients/health").await.json(), well);
    bench.orders.fail_all();
    let answer = browser.get("/orders/health").await;
    let ill = json!({ "ok": false, "service": "orders", "databases": { "memory": "error" } });
    assert_eq!((answer.status.as_u16(), answer.json()), (503, ill));
}
