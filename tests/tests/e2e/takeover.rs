//! Ours in the place of the Python system, over its own table and documents, and beside it.

use mongodb::bson::doc;
use provesi_testkit::servers::wanted;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::place::Place;
use crate::python::{NANDU, Python, client};
use crate::server::{Server, run_in};

#[tokio::test(flavor = "multi_thread")]
async fn the_tables_and_documents_of_the_python_system_are_taken_over_in_place() {
    if !(wanted("postgres") && wanted("mongodb")) {
        return;
    }
    let place = Place::pair().await;
    let mut python = Python::leave_behind(&place).await;
    let server = Server::start(place).await;

    let order = server.get("/api/orders/py-001").await;
    assert_eq!(
        (&order["data"]["order_number"], &order["data"]["client"]["phone"]),
        (&json!("Py-001"), &json!("(+57) 300 123 4567"))
    );
    let upper = server.get("/api/orders/PY-003").await;
    assert_eq!(
        (&upper["data"]["client_id"], &upper["data"]["client"]["name"]),
        (&json!(NANDU), &json!("Ñandú 漢 SAS"))
    );
    let without_reason = server.get("/api/orders/PY-004").await;
    assert_eq!(
        (&without_reason["data"]["status"], &without_reason["data"]["return_reason"]),
        (&json!("returned"), &Value::Null)
    );
    assert_eq!(server.get("/api/orders/PY-005").await["data"].get("return_reason"), None);
    // The order and the client that break our rules are listed, and repaired like any other.
    let numbers: Vec<_> = list(&server, "/api/orders/", "order_number").await;
    assert_eq!(numbers, ["PY-009", "PY-007", "PY-005", "PY-006", "PY-004", "PY-003", "PY-002", "Py-001"]);
    let returns = server.get("/api/orders/returns").await;
    assert_eq!(returns["total"], 2, "{returns}");
    assert_eq!(list(&server, "/api/clients/", "name").await, [" ", "Bea", "Ñandú 漢 SAS"]);
    assert_eq!(list(&server, "/api/clients/", "orders_count").await, [json!(0), json!(0), json!(2)]);
    let check = server.run(&["check"]).await.1;
    assert!(check.contains("1 clients and 1 orders break rules"), "{check}");
    for (path, change, faults) in [
        ("/api/orders/PY-009", json!({"status": "packing"}), json!([{"field": "status", "rule": "unknown_status"}])),
        (
            "/api/clients/6b050cba18b8729a127048ed",
            json!({"name": "Nadie"}),
            json!([{"field": "name", "rule": "blank"}]),
        ),
    ] {
        assert_eq!(server.get(path).await["data"]["irregular"], faults, "{path}");
        let (status, body) = server.put(path, &change).await;
        assert_eq!((status, &body["data"]["irregular"]), (StatusCode::OK, &Value::Null), "{body}");
    }
    assert_eq!(list(&server, "/api/clients/?q=nandu", "phone").await, ["(+57) 300 123 4567"]);
    assert_eq!(list(&server, &format!("/api/orders/?client_id={NANDU}"), "order_number").await, ["PY-003", "Py-001"]);
    let twin = server.post("/api/orders/", &json!({"order_number": "pY-001"})).await;
    assert_eq!((twin.0, &twin.1["detail"]), (StatusCode::BAD_REQUEST, &json!("El número de orden ya existe")));
    let twin = server.post("/api/clients/", &json!({"name": "M", "email": "muestra@PYTHON.example"})).await;
    assert_eq!((twin.0, &twin.1["detail"]), (StatusCode::BAD_REQUEST, &json!("El email ya existe")));
    // What the Python system left of a return stays as it is until somebody changes the order.
    let taken_back = server.put("/api/orders/PY-004", &json!({"return_reason": "Caja rota"})).await;
    assert_eq!((taken_back.0, &taken_back.1["data"]["return_reason"]), (StatusCode::OK, &json!("Caja rota")));
    // A confirmed repair detaches PY-002 from its missing client, and leaves the others alone.
    assert_eq!(server.run(&["check", "--repair", "--confirm", "1"]).await.0, Some(0));
    assert_eq!(server.get("/api/orders/PY-002").await["data"]["client_id"], Value::Null);
    assert_eq!(server.get("/api/orders/PY-003").await["data"]["client_id"], NANDU);

    changes_of_orders_are_noticed(&server, &mut python).await;
    changes_of_clients_are_noticed(&server, &mut python).await;
    // A restart of the Python system finds all that it made, and we find all that we made.
    python.make_indexes().await;
    assert!(server.run(&["migrate", "--dry-run"]).await.1.contains("up to date"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_lists_what_the_migration_refuses_and_what_breaks_rules() {
    if !(wanted("postgres") && wanted("mongodb")) {
        return;
    }
    let place = Place::pair().await;
    let mut python = Python::leave_behind(&place).await;
    python.insert_order("('PY-001', NULL, 'received', NULL, NULL, '2026-01-02T03:04:05Z')").await;
    let bea = "6b050cba18b8729a127048ef";
    let other_bea = "6b050cba18b8729a127048f1";
    python.clients.drop_indexes().await.unwrap();
    python.clients.insert_one(client(other_bea, "Bea", "bea@python.example")).await.unwrap();
    let dry_run = async || run_in(&place, &["migrate", "--dry-run"]).await;

    let (code, text) = dry_run().await;
    assert_eq!(code, Some(1), "{text}");
    for line in [
        "cannot be migrated: one order number in several letter cases: Py-001 = PY-001, orders 8, 9",
        &format!(
            "cannot be migrated: several clients have the same e-mail address in different letter cases, or have none: clients {bea} {other_bea}"
        ),
        "order 1: status",
        "client 6b050cba18b8729a127048ed: name",
        "read 9 orders: 1 break rules, and can be repaired after the migration",
        "read 4 clients: 1 break rules, and can be repaired after the migration",
        "would apply: create the index provesi_orders_number",
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
    assert!(!text.contains("python.example"), "{text}");
    // Nothing was changed, and what it names is all that is in the way.
    assert!(run_in(&place, &["migrate"]).await.1.contains("letter case"));
    sqlx::query("DELETE FROM orders_order WHERE order_number = 'PY-001'").execute(&mut python.orders).await.unwrap();
    python
        .clients
        .delete_one(doc! { "_id": mongodb::bson::oid::ObjectId::parse_str(other_bea).unwrap() })
        .await
        .unwrap();
    let (code, text) = dry_run().await;
    assert!(code == Some(0) && !text.contains("cannot be migrated"), "{text}");
    assert_eq!(run_in(&place, &["migrate"]).await.0, Some(0));
    assert_eq!(dry_run().await.0, Some(0));
}

async fn list(server: &Server, path: &str, member: &str) -> Vec<Value> {
    let list = server.get(path).await;
    list["data"].as_array().unwrap().iter().map(|item| item[member].clone()).collect()
}

/// Edits over what was read, and answers the status and what is there now.
async fn edit_as_read(
    server: &Server,
    path: &str,
    change: &Value,
    meanwhile: impl AsyncFnOnce(),
) -> (StatusCode, Value) {
    let read = server.send(Method::GET, path, &[], &Value::Null).await;
    let version = read.headers()["etag"].to_str().unwrap().to_owned();
    meanwhile().await;
    let answer = server.send(Method::PUT, path, &[("if-match", &version)], change).await;
    (answer.status(), answer.json().await.unwrap())
}

async fn changes_of_orders_are_noticed(server: &Server, python: &mut Python) {
    let path = "/api/orders/Py-001";
    let save = async || python.save_order("Py-001", "picking").await;
    let (status, body) = edit_as_read(server, path, &json!({"status": "shipped"}), save).await;
    assert_eq!((status, &body["current"]["status"]), (StatusCode::PRECONDITION_FAILED, &json!("picking")), "{body}");
    assert_eq!(server.get(path).await["data"]["status"], "picking");
    // Nobody else writes: the microseconds of Python are a version like any other.
    let (status, body) = edit_as_read(server, path, &json!({"status": "packing"}), async || {}).await;
    assert_eq!((status, &body["data"]["status"]), (StatusCode::OK, &json!("packing")), "{body}");
    let kept: String = sqlx::query_scalar("SELECT status FROM orders_order WHERE order_number = 'Py-001'")
        .fetch_one(&mut python.orders)
        .await
        .unwrap();
    assert_eq!(kept, "packing");
    // It makes rows of its own; a number is taken by whoever was first.
    python.insert_order("('PY-100', NULL, 'received', NULL, NULL, '2026-01-02T03:04:05Z')").await;
    let made = server.post("/api/orders/", &json!({"order_number": "py-100"})).await;
    assert_eq!(made.0, StatusCode::BAD_REQUEST);
    assert_eq!(server.delete("/api/orders/PY-100").await.0, StatusCode::OK);
}

async fn changes_of_clients_are_noticed(server: &Server, python: &mut Python) {
    let id = "6b050cba18b8729a127048f0";
    python.clients.insert_one(client(id, "Caro", "caro@python.example")).await.unwrap();
    let path = format!("/api/clients/{id}");
    assert_eq!(server.get(&path).await["data"]["phone"], "");
    let save = async || python.save_client(id, "301").await;
    let (status, body) = edit_as_read(server, &path, &json!({"phone": "300"}), save).await;
    assert_eq!((status, &body["current"]["phone"]), (StatusCode::PRECONDITION_FAILED, &json!("301")), "{body}");
    let (status, body) = edit_as_read(server, &path, &json!({"phone": "300"}), async || {}).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    // Ours leave nothing in a document that MongoEngine does not know.
    let known = ["_id", "name", "email", "phone", "address", "created_at", "updated_at"];
    let kept = python.clients.find_one(doc! {"email": "caro@python.example"}).await.unwrap().unwrap();
    assert!(kept.keys().all(|key| known.contains(&key.as_str())), "{kept}");
    assert_eq!(kept.get_str("phone").unwrap(), "300");
    assert_eq!(server.delete(&path).await.0, StatusCode::OK);
    assert_eq!(python.clients.find_one(doc! {"email": "caro@python.example"}).await.unwrap(), None);
}
