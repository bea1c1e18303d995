//! Ours in the place of the Python system, over its own table and documents, and beside it.

use mongodb::bson::{DateTime, Document, doc, oid::ObjectId};
use provesi_testkit::servers::wanted;
use provesi_tests::DJANGO_TABLE;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sqlx::{Connection, PgConnection};

use crate::place::Place;
use crate::server::Server;

/// Rows as a careless writer leaves them.
const ROWS: &[&str] = &[
    // Microseconds, mixed case.
    "('Ord-001', '6b050cba18b8729a127048ee', 'received', NULL, NULL, '2026-01-02T03:04:05.123456Z')",
    // A client who is gone.
    "('ORD-002', '6b050cba18b8729a12704000', 'packing', NULL, NULL, '2026-01-02T03:04:06Z')",
    // The id in upper case.
    "('ORD-003', '6B050CBA18B8729A127048EE', 'shipped', NULL, NULL, '2026-01-02T03:04:07Z')",
    // A return without a reason, which was allowed, and what is left of a return.
    "('ORD-004', NULL, 'returned', NULL, NULL, '2026-01-02T03:04:08Z')",
    "('ORD-005', NULL, 'delivered', 'roto', '2026-01-01T00:00:00Z', '2026-01-02T03:04:09Z')",
    // A status that nobody knows.
    "('ORD-006', NULL, 'perdido', NULL, NULL, '2026-01-02T03:04:10Z')",
];

const ANA: &str = "6b050cba18b8729a127048ee";

fn document(id: &str, name: &str, email: &str) -> Document {
    let at = DateTime::from_millis(1_795_493_050_781);
    let id = ObjectId::parse_str(id).unwrap();
    doc! {"_id": id, "name": name, "email": email, "created_at": at, "updated_at": at}
}

struct Python {
    orders: PgConnection,
    clients: mongodb::Collection<Document>,
}

/// The databases of a Python system that has run for a while.
async fn left_behind(place: &Place) -> Python {
    let mut orders = PgConnection::connect(&place.orders).await.unwrap();
    for statement in DJANGO_TABLE {
        sqlx::query(*statement).execute(&mut orders).await.unwrap();
    }
    for row in ROWS {
        let insert = format!(
            "INSERT INTO orders_order (order_number, client_id, status, return_reason, returned_at, updated_at, created_at) \
             SELECT *, '2026-01-01T00:00:00.000001Z'::timestamptz FROM (VALUES {row}) AS row (a, b, c, d, e, f)"
        );
        let insert = insert.replace("SELECT *,", "SELECT a, b, c, d, e::timestamptz, f::timestamptz,");
        sqlx::query(sqlx::AssertSqlSafe(insert)).execute(&mut orders).await.unwrap();
    }
    let options = mongodb::options::ClientOptions::parse(&place.clients).await.unwrap();
    let database = options.default_database.clone().unwrap();
    let client = mongodb::Client::with_options(options).unwrap();
    let clients = client.database(&database).collection("clients");
    let mut ana = document(ANA, "Ñandú 漢 SAS", "Muestra@example.com");
    ana.insert("phone", "(+57) 300 123 4567");
    ana.insert("address", "Cra 7 # 1-23");
    let mut bea = document("6b050cba18b8729a127048ef", "Bea", "bea@example.com");
    bea.insert("phone", mongodb::bson::Bson::Null);
    clients.insert_many([ana, bea]).await.unwrap();
    Python { orders, clients }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tables_and_documents_of_the_python_system_are_taken_over_in_place() {
    if !(wanted("postgres") && wanted("mongodb")) {
        return;
    }
    let place = Place::pair().await;
    let mut python = left_behind(&place).await;
    let server = Server::start(place).await;

    let order = server.get("/api/orders/ord-001").await;
    assert_eq!(
        (&order["data"]["order_number"], &order["data"]["client"]["phone"]),
        (&json!("Ord-001"), &json!("(+57) 300 123 4567"))
    );
    let upper = server.get("/api/orders/ORD-003").await;
    assert_eq!((&upper["data"]["client_id"], &upper["data"]["client"]["name"]), (&json!(ANA), &json!("Ñandú 漢 SAS")));
    let without_reason = server.get("/api/orders/ORD-004").await;
    assert_eq!(
        (&without_reason["data"]["status"], &without_reason["data"]["return_reason"]),
        (&json!("returned"), &Value::Null)
    );
    assert_eq!(server.get("/api/orders/ORD-005").await["data"].get("return_reason"), None);
    // The order that cannot be read does not take the others with it.
    let list = server.get("/api/orders/").await;
    let numbers: Vec<_> =
        list["data"].as_array().unwrap().iter().map(|order| order["order_number"].as_str().unwrap()).collect();
    assert_eq!(numbers, ["ORD-005", "ORD-004", "ORD-003", "ORD-002", "Ord-001"]);
    let clients = server.get("/api/clients/").await;
    let counts: Vec<_> = clients["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|client| (client["name"].clone(), client["orders_count"].clone()))
        .collect();
    assert_eq!(counts, [(json!("Bea"), json!(0)), (json!("Ñandú 漢 SAS"), json!(2))]);
    let twin = server.post("/api/orders/", &json!({"order_number": "oRD-001"})).await;
    assert_eq!((twin.0, &twin.1["detail"]), (StatusCode::BAD_REQUEST, &json!("El número de orden ya existe")));
    let twin = server.post("/api/clients/", &json!({"name": "M", "email": "muestra@EXAMPLE.com"})).await;
    assert_eq!((twin.0, &twin.1["detail"]), (StatusCode::BAD_REQUEST, &json!("El email ya existe")));
    // The sweep takes the client who is gone off ORD-002, and leaves the others alone.
    assert_eq!(server.run(&["check", "--repair"]).await.0, Some(0));
    assert_eq!(server.get("/api/orders/ORD-002").await["data"]["client_id"], Value::Null);
    assert_eq!(server.get("/api/orders/ORD-003").await["data"]["client_id"], ANA);

    beside(&server, &mut python).await;
}

/// A writer that behaves like the Python system works beside ours.
async fn beside(server: &Server, python: &mut Python) {
    // It saves a row with microseconds; our version check notices.
    let read = server.get("/api/orders/Ord-001").await;
    let stale = read["data"]["updated_at"].clone();
    sqlx::query("UPDATE orders_order SET status = 'picking', updated_at = now() WHERE order_number = 'Ord-001'")
        .execute(&mut python.orders)
        .await
        .unwrap();
    let now = server.get("/api/orders/Ord-001").await;
    assert_eq!(now["data"]["status"], "picking");
    assert_ne!(now["data"]["updated_at"], stale);
    let edited = server.put("/api/orders/Ord-001", &json!({"status": "packing"})).await;
    assert_eq!(edited.0, StatusCode::OK, "{edited:?}");
    let status: String = sqlx::query_scalar("SELECT status FROM orders_order WHERE order_number = 'Ord-001'")
        .fetch_one(&mut python.orders)
        .await
        .unwrap();
    assert_eq!(status, "packing");
    // It makes rows and documents of its own.
    sqlx::query("INSERT INTO orders_order (order_number, status, created_at, updated_at) VALUES ('PY-1', 'received', now(), now())")
        .execute(&mut python.orders)
        .await
        .unwrap();
    let made = server.post("/api/orders/", &json!({"order_number": "py-1"})).await;
    assert_eq!(made.0, StatusCode::BAD_REQUEST);
    python.clients.insert_one(document("6b050cba18b8729a127048f0", "Caro", "caro@example.com")).await.unwrap();
    let caro = "/api/clients/6b050cba18b8729a127048f0";
    assert_eq!(server.get(caro).await["data"]["phone"], "");
    assert_eq!(server.put(caro, &json!({"phone": "300"})).await.0, StatusCode::OK);
    // Ours leave nothing in a document that MongoEngine does not know.
    let known = ["_id", "name", "email", "phone", "address", "created_at", "updated_at"];
    let kept = python.clients.find_one(doc! {"email": "caro@example.com"}).await.unwrap().unwrap();
    assert!(kept.keys().all(|key| known.contains(&key.as_str())), "{kept}");
    assert_eq!(server.call(Method::DELETE, caro, &Value::Null).await.0, StatusCode::OK);
    assert_eq!(python.clients.find_one(doc! {"email": "caro@example.com"}).await.unwrap(), None);
}
