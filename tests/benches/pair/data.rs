//! What the Python system leaves behind, in any number: Django's bare table and MongoEngine's documents.

use std::time::Instant;

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, Document, doc};
use mongodb::options::{ClientOptions, IndexOptions};
use mongodb::{Collection, IndexModel};
use provesi_tests::DJANGO_TABLE;
use sqlx::{Connection, Executor, PgConnection};

use crate::servers::Pair;

/// Orders as a warehouse has them after some years: one a minute, in microseconds, nearly all of them closed; one in
/// twenty without a client.
const ORDERS: &str = "INSERT INTO orders_order \
        (order_number, client_id, status, return_reason, returned_at, created_at, updated_at) \
    SELECT 'ORD-' || lpad(n::text, 8, '0'), \
        CASE WHEN n % 20 > 0 THEN '6b050cba18b8729a' || lpad(to_hex(n * 7919 % $2), 8, '0') END, \
        status, \
        CASE WHEN status = 'returned' THEN 'El empaque llegó roto' END, \
        CASE WHEN status = 'returned' THEN changed_at END, \
        made_at, changed_at \
    FROM (SELECT n, \
            '2023-01-01T00:00:00.123456Z'::timestamptz + n * interval '1 minute' AS made_at, \
            '2023-01-01T00:00:00.123456Z'::timestamptz + (n + n * 31 % 14400) * interval '1 minute' AS changed_at, \
            CASE WHEN n > $1 * 0.98 THEN (ARRAY['received', 'picking', 'packing', 'shipped'])[1 + n % 4] \
                WHEN n % 17 = 0 THEN 'returned' WHEN n % 19 = 0 THEN 'cancelled' ELSE 'delivered' END AS status \
        FROM generate_series(1::bigint, $1) AS n) AS orders";

const NAMES: [&str; 12] =
    ["Ana", "Ángela", "Beatriz", "Camilo", "Íñigo", "José", "Luz Marina", "Nubia", "Ñuflo", "Óscar", "Úrsula", "Zoé"];
const SURNAMES: [&str; 12] = [
    "Álvarez",
    "Beltrán",
    "Cárdenas",
    "Díaz",
    "Gómez",
    "Muñoz",
    "Ñáñez",
    "Peña",
    "Quiñones",
    "Rodríguez",
    "Suárez",
    "Zúñiga",
];

/// Fills both databases, and says how long that took.
pub(crate) async fn fill(pair: &Pair, clients: u32, orders: u32) {
    let start = Instant::now();
    let mut connection = PgConnection::connect(pair.orders()).await.expect("PostgreSQL answers");
    connection.execute(DJANGO_TABLE).await.expect("the table is created");
    let filling = sqlx::query(ORDERS).bind(i64::from(orders)).bind(i64::from(clients));
    filling.execute(&mut connection).await.expect("orders are made");
    connection.close().await.expect("the connection closes");
    let made = start.elapsed();

    let collection = collection(pair.clients()).await;
    let unique = IndexOptions::builder().name("email_1".to_owned()).unique(true).build();
    let index = IndexModel::builder().keys(doc! { "email": 1 }).options(unique).build();
    collection.create_index(index).await.expect("the index is made");
    let ids: Vec<u32> = (0..clients).collect();
    for ids in ids.chunks(1_000) {
        collection.insert_many(ids.iter().map(|id| client(*id))).await.expect("clients are made");
    }
    println!(
        "filling: {orders} orders {:.1} s, {clients} clients {:.1} s",
        made.as_secs_f64(),
        (start.elapsed() - made).as_secs_f64()
    );
}

async fn collection(url: &str) -> Collection<Document> {
    let mut options = ClientOptions::parse(url).await.expect("a URL of the testkit's");
    // What is filled once need not be repeatable, which costs the stand-in for MongoDB much.
    options.retry_writes = Some(false);
    let database = options.default_database.clone().expect("with a database");
    mongodb::Client::with_options(options).expect("the driver takes them").database(&database).collection("clients")
}

/// The id of client number `n`, which orders name.
pub(crate) fn client_id(n: u32) -> ObjectId {
    let mut id = [0x6b, 0x05, 0x0c, 0xba, 0x18, 0xb8, 0x72, 0x9a, 0, 0, 0, 0];
    id[8..].copy_from_slice(&n.to_be_bytes());
    ObjectId::from_bytes(id)
}

fn client(n: u32) -> Document {
    let pick = |names: [&'static str; 12], at: u32| names[at as usize % names.len()];
    let at = DateTime::from_millis(1_672_531_200_000 + i64::from(n) * 60_000);
    let mut client = doc! {
        "_id": client_id(n),
        "name": format!("{} {} {n}", pick(NAMES, n), pick(SURNAMES, n / 12)),
        "email": format!("cliente.{n}@example.com"),
    };
    if n % 10 < 7 {
        client.insert("phone", format!("(+57) 300 {:07}", n * 31 % 10_000_000));
        client.insert("address", format!("Cra {} # {}-{}, Bogotá", n % 150, n % 100, n % 90));
    }
    client.insert("created_at", at);
    client.insert("updated_at", at);
    client
}
