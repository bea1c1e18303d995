//! The two databases as the Python system leaves them, rows of a careless writer among them, and a writer that goes on as
//! it does.

use mongodb::bson::{Bson, DateTime, Document, doc, oid::ObjectId};
use mongodb::options::IndexOptions;
use mongodb::{Collection, IndexModel};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::place::Place;

/// A client who is there.
pub(crate) const NANDU: &str = "6b050cba18b8729a127048ee";

/// The orders that are there, the latest change first, in the columns `order_number`, `client_id`, `status`,
/// `return_reason`, `returned_at`, `updated_at`.
const ROWS: &[&str] = &[
    // A status that nobody knows: an order that cannot be read.
    "('PY-009', NULL, 'perdido', NULL, NULL, '2026-01-02T03:04:10Z')",
    // No client, as a form without a choice sends it.
    "('PY-007', '', 'cancelled', NULL, NULL, '2026-01-02T03:04:09.5Z')",
    // What is left of a return.
    "('PY-005', NULL, 'delivered', 'roto', '2026-01-01T00:00:00Z', '2026-01-02T03:04:09Z')",
    // Returns without a reason, which was allowed.
    "('PY-006', NULL, 'returned', E' \\n', '2026-01-01T00:00:00Z', '2026-01-02T03:04:08.5Z')",
    "('PY-004', NULL, 'returned', NULL, NULL, '2026-01-02T03:04:08Z')",
    // The id in upper case.
    "('PY-003', '6B050CBA18B8729A127048EE', 'shipped', NULL, NULL, '2026-01-02T03:04:07Z')",
    // A client who is gone.
    "('PY-002', '6b050cba18b8729a12704000', 'packing', NULL, NULL, '2026-01-02T03:04:06Z')",
    // Microseconds, mixed case.
    "('Py-001', '6b050cba18b8729a127048ee', 'received', NULL, NULL, '2026-01-02T03:04:05.123456Z')",
];

/// Whether an item of a list is one of those that were there before.
pub(crate) fn is_left_behind(item: &Value) -> bool {
    let text = |name: &str| item[name].as_str().unwrap_or_default();
    text("order_number").to_uppercase().starts_with("PY-") || text("email").ends_with("@python.example")
}

/// What only the Python system does.
pub(crate) struct Python {
    pub(crate) orders: PgConnection,
    pub(crate) clients: Collection<Document>,
}

impl Python {
    /// Fills the databases as a system leaves them that has run for a while.
    pub(crate) async fn leave_behind(place: &Place) -> Self {
        let mut python = Self { orders: orders(place).await, clients: clients(place).await };
        python.orders.execute(provesi_tests::DJANGO_TABLE).await.unwrap();
        for row in ROWS {
            python.insert_order(row).await;
        }
        python.make_indexes().await;
        let recorded: Value = serde_json::from_str(include_str!("../../recorded/clients_mongo.json")).unwrap();
        let sample = recorded["sample_document_canonical_extended_json"].as_object().unwrap();
        let mut nandu: Document = sample.iter().map(|(name, value)| (name.clone(), bson(value))).collect();
        nandu.insert("email", "Muestra@python.example");
        assert_eq!(nandu.get_object_id("_id").unwrap().to_hex(), NANDU);
        let mut null_phone = client("6b050cba18b8729a127048ef", "Bea", "bea@python.example");
        null_phone.insert("phone", Bson::Null);
        // No name: a client who cannot be read.
        let nameless = client("6b050cba18b8729a127048ed", " ", "nadie@python.example");
        python.clients.insert_many([nandu, null_phone, nameless]).await.unwrap();
        python
    }

    /// A plain INSERT, as Django sends it.
    pub(crate) async fn insert_order(&mut self, row: &str) {
        let insert = format!(
            "INSERT INTO orders_order (order_number, client_id, status, return_reason, returned_at, updated_at, created_at) \
             SELECT a, b, c, d, e::timestamptz, f::timestamptz, '2026-01-01T00:00:00.000001Z' \
             FROM (VALUES {row}) AS row (a, b, c, d, e, f)"
        );
        self.orders.execute(AssertSqlSafe(insert)).await.unwrap();
    }

    /// `Order.save()` of Django, of an order whose status was changed: it writes every column as it was read.
    pub(crate) async fn save_order(&mut self, number: &str, status: &str) {
        let read: (i64, Option<String>, Option<String>, Option<String>, String) = sqlx::query_as(
            "SELECT id, client_id, return_reason, returned_at::text, created_at::text FROM orders_order \
             WHERE order_number = $1",
        )
        .bind(number)
        .fetch_one(&mut self.orders)
        .await
        .unwrap();
        let saved = sqlx::query(
            "UPDATE orders_order SET order_number = $2, client_id = $3, status = $4, return_reason = $5, \
                 returned_at = $6::timestamptz, created_at = $7::timestamptz, updated_at = now() \
             WHERE id = $1",
        )
        .bind(read.0)
        .bind(number)
        .bind(read.1)
        .bind(status)
        .bind(read.2)
        .bind(read.3)
        .bind(read.4)
        .execute(&mut self.orders)
        .await
        .unwrap();
        assert_eq!(saved.rows_affected(), 1);
    }

    /// `Client.save()` of MongoEngine: it sets the fields that were changed.
    pub(crate) async fn save_client(&mut self, id: &str, phone: &str) {
        let id = ObjectId::parse_str(id).unwrap();
        let set = doc! { "$set": { "phone": phone, "updated_at": DateTime::now() } };
        assert_eq!(self.clients.update_one(doc! { "_id": id }, set).await.unwrap().matched_count, 1);
    }

    /// MongoEngine's own, made again whenever it starts.
    pub(crate) async fn make_indexes(&self) {
        let unique = IndexOptions::builder().name("email_1".to_owned()).unique(true).build();
        let email = IndexModel::builder().keys(doc! { "email": 1 }).options(unique).build();
        let name = IndexModel::builder().keys(doc! { "name": 1 }).build();
        self.clients.create_indexes([email, name]).await.unwrap();
    }
}

async fn orders(place: &Place) -> PgConnection {
    PgConnection::connect(&place.orders).await.unwrap()
}

async fn clients(place: &Place) -> Collection<Document> {
    let options = mongodb::options::ClientOptions::parse(&place.clients).await.unwrap();
    let database = options.default_database.clone().unwrap();
    mongodb::Client::with_options(options).unwrap().database(&database).collection("clients")
}

/// What is in a client's document, from extended JSON.
fn bson(value: &Value) -> Bson {
    if let Some(id) = value["$oid"].as_str() {
        return ObjectId::parse_str(id).unwrap().into();
    }
    match value["$date"]["$numberLong"].as_str() {
        Some(millis) => DateTime::from_millis(millis.parse().unwrap()).into(),
        None => value.as_str().unwrap().into(),
    }
}

/// A document as MongoEngine makes it, without phone and address.
pub(crate) fn client(id: &str, name: &str, email: &str) -> Document {
    let at = DateTime::from_millis(1_795_493_050_781);
    doc! { "_id": ObjectId::parse_str(id).unwrap(), "name": name, "email": email, "created_at": at, "updated_at": at }
}
