//! The other side of the ratios: axum handlers that make the same queries with the same drivers, pools of the same size
//! and the same answers, with nothing around them.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use axum::{Json, Router};
use chrono::{DateTime, SubsecRound, Utc};
use mongodb::Collection;
use mongodb::bson::{DateTime as BsonDate, doc, oid::ObjectId};
use mongodb::options::{ClientOptions, CollectionOptions, ReadConcern};
use serde::Deserialize;
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio_postgres::NoTls;

use crate::bodies::{Client, Order, failed, one, page};
use crate::ratios::LIMIT;

/// As many connections to each database as the server has by default.
const POOL: u32 = 16;

const ORDER: &str = "SELECT id, order_number, client_id, status, return_reason, returned_at, created_at, updated_at \
     FROM orders_order WHERE lower(order_number COLLATE \"C\") = $1";
const ORDERS: &str = "SELECT id, order_number, client_id, status, return_reason, returned_at, created_at, updated_at \
     FROM orders_order ORDER BY updated_at DESC, id DESC LIMIT $1";

const INSERT: &str = "INSERT INTO orders_order \
        (order_number, client_id, status, return_reason, returned_at, created_at, updated_at) \
     VALUES ($1, $2, $3, NULL, NULL, $4, $4) ON CONFLICT DO NOTHING RETURNING id";
const INSERT_EVENT: &str = "INSERT INTO provesi_order_events (order_id, order_number, at, actor, address, detail) \
     VALUES ($1, $2, $3, $4, $5, $6::jsonb)";
/// The order and its event.
const INSERT_BOTH: &str = "WITH made AS (\
        INSERT INTO orders_order \
            (order_number, client_id, status, return_reason, returned_at, created_at, updated_at) \
        VALUES ($1, $2, $3, NULL, NULL, $4, $4) ON CONFLICT DO NOTHING RETURNING id), \
     told AS (\
        INSERT INTO provesi_order_events (order_id, order_number, at, actor, address, detail) \
        SELECT id, $1, $4, $5, $6, $7::jsonb FROM made) \
     SELECT id FROM made";

const LOCK: &str = "SELECT id, order_number, client_id, status, return_reason, returned_at, created_at, updated_at \
     FROM orders_order WHERE lower(order_number COLLATE \"C\") = $1 FOR UPDATE";
const UPDATE: &str = "UPDATE orders_order SET status = $2, updated_at = $3 WHERE id = $1";

#[derive(Clone)]
struct Stores {
    orders: PgPool,
    /// The same database by another driver.
    tokio_postgres: deadpool_postgres::Pool,
    clients: Collection<ClientDocument>,
}

#[derive(Deserialize)]
struct ClientDocument {
    #[serde(rename = "_id")]
    id: ObjectId,
    name: String,
    email: String,
    phone: Option<String>,
    address: Option<String>,
    created_at: BsonDate,
    updated_at: BsonDate,
}

#[derive(Deserialize)]
struct Draft {
    order_number: String,
    client_id: Option<String>,
    status: String,
}

#[derive(Deserialize)]
struct Change {
    status: String,
}

impl From<ClientDocument> for Client {
    fn from(document: ClientDocument) -> Self {
        let ClientDocument { id, name, email, phone, address, created_at, updated_at } = document;
        let instant = |at: BsonDate| DateTime::from_timestamp_millis(at.timestamp_millis()).unwrap_or_default();
        let (created_at, updated_at) = (instant(created_at), instant(updated_at));
        Self { id: id.to_hex(), name, email, phone, address, created_at, updated_at }
    }
}

async fn client(stores: &Stores, id: &str) -> Result<Option<Client>, StatusCode> {
    let id = ObjectId::parse_str(id).map_err(failed)?;
    Ok(stores.clients.find_one(doc! { "_id": id }).await.map_err(failed)?.map(Client::from))
}

async fn read(State(stores): State<Stores>, Path(number): Path<String>) -> Result<Response, StatusCode> {
    let order: Option<Order> =
        sqlx::query_as(ORDER).bind(number.to_ascii_lowercase()).fetch_optional(&stores.orders).await.map_err(failed)?;
    let order = order.ok_or(StatusCode::NOT_FOUND)?;
    let client = match &order.client_id {
        Some(id) => client(&stores, id).await?,
        None => None,
    };
    one(StatusCode::OK, &order, client.as_ref())
}

async fn read_by_tokio_postgres(
    State(stores): State<Stores>,
    Path(number): Path<String>,
) -> Result<Response, StatusCode> {
    let connection = stores.tokio_postgres.get().await.map_err(failed)?;
    let statement = connection.prepare_cached(ORDER).await.map_err(failed)?;
    let row = connection.query_opt(&statement, &[&number.to_ascii_lowercase()]).await.map_err(failed)?;
    let row = row.ok_or(StatusCode::NOT_FOUND)?;
    let order = Order {
        id: row.get(0),
        order_number: row.get(1),
        client_id: row.get(2),
        status: row.get(3),
        return_reason: row.get(4),
        returned_at: row.get(5),
        created_at: row.get(6),
        updated_at: row.get(7),
    };
    let client = match &order.client_id {
        Some(id) => client(&stores, id).await?,
        None => None,
    };
    one(StatusCode::OK, &order, client.as_ref())
}

async fn list(State(stores): State<Stores>) -> Result<Response, StatusCode> {
    let limit = i64::try_from(LIMIT + 1).unwrap_or(i64::MAX);
    let orders: Vec<Order> = sqlx::query_as(ORDERS).bind(limit).fetch_all(&stores.orders).await.map_err(failed)?;
    let mut ids = Vec::new();
    for id in orders.iter().filter_map(|order| order.client_id.as_deref()) {
        ids.push(ObjectId::parse_str(id).map_err(failed)?);
    }
    let mut found = stores.clients.find(doc! { "_id": { "$in": ids } }).await.map_err(failed)?;
    let mut clients = Vec::new();
    while found.advance().await.map_err(failed)? {
        clients.push(found.deserialize_current().map_err(failed)?.into());
    }
    page(&orders, clients, LIMIT)
}

/// What the event says.
fn created(draft: &Draft) -> String {
    serde_json::json!({ "type": "created", "status": draft.status, "client_id": draft.client_id }).to_string()
}

/// The client is looked at first. That it is deleted meanwhile goes unnoticed.
async fn check_client(stores: &Stores, draft: &Draft) -> Result<(), StatusCode> {
    if let Some(id) = &draft.client_id {
        client(stores, id).await?.ok_or(StatusCode::BAD_REQUEST)?;
    }
    Ok(())
}

fn answer_created(id: Option<i64>, draft: Draft, now: DateTime<Utc>) -> Result<Response, StatusCode> {
    let id = id.ok_or(StatusCode::BAD_REQUEST)?;
    let Draft { order_number, client_id, status } = draft;
    let (return_reason, returned_at) = (None, None);
    let order =
        Order { id, order_number, client_id, status, return_reason, returned_at, created_at: now, updated_at: now };
    one(StatusCode::CREATED, &order, None)
}

async fn create(State(stores): State<Stores>, Json(draft): Json<Draft>) -> Result<Response, StatusCode> {
    check_client(&stores, &draft).await?;
    let now = Utc::now().trunc_subsecs(3);
    let id: Option<i64> = sqlx::query_scalar(INSERT_BOTH)
        .bind(&draft.order_number)
        .bind(&draft.client_id)
        .bind(&draft.status)
        .bind(now)
        .bind("anonymous")
        .bind("127.0.0.1")
        .bind(created(&draft))
        .fetch_optional(&stores.orders)
        .await
        .map_err(failed)?;
    answer_created(id, draft, now)
}

async fn create_in_transaction(State(stores): State<Stores>, Json(draft): Json<Draft>) -> Result<Response, StatusCode> {
    check_client(&stores, &draft).await?;
    let now = Utc::now().trunc_subsecs(3);
    let mut transaction = stores.orders.begin().await.map_err(failed)?;
    let id: Option<i64> = sqlx::query_scalar(INSERT)
        .bind(&draft.order_number)
        .bind(&draft.client_id)
        .bind(&draft.status)
        .bind(now)
        .fetch_optional(&mut *transaction)
        .await
        .map_err(failed)?;
    let detail = created(&draft);
    if let Some(id) = id {
        insert_event(&mut transaction, id, &draft.order_number, now, detail).await?;
    }
    transaction.commit().await.map_err(failed)?;
    answer_created(id, draft, now)
}

async fn insert_event(
    connection: &mut sqlx::PgConnection,
    id: i64,
    number: &str,
    at: DateTime<Utc>,
    detail: String,
) -> Result<(), StatusCode> {
    let event = sqlx::query(INSERT_EVENT).bind(id).bind(number).bind(at).bind("anonymous").bind("127.0.0.1");
    event.bind(detail).execute(connection).await.map_err(failed).map(drop)
}

async fn change(
    State(stores): State<Stores>,
    Path(number): Path<String>,
    Json(change): Json<Change>,
) -> Result<Response, StatusCode> {
    let mut transaction = stores.orders.begin().await.map_err(failed)?;
    let order: Option<Order> = sqlx::query_as(LOCK)
        .bind(number.to_ascii_lowercase())
        .fetch_optional(&mut *transaction)
        .await
        .map_err(failed)?;
    let mut order = order.ok_or(StatusCode::NOT_FOUND)?;
    let now = Utc::now().trunc_subsecs(3);
    sqlx::query(UPDATE)
        .bind(order.id)
        .bind(&change.status)
        .bind(now)
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
    let detail = serde_json::json!({ "type": "status_changed", "from": order.status, "to": change.status });
    insert_event(&mut transaction, order.id, &order.order_number, now, detail.to_string()).await?;
    transaction.commit().await.map_err(failed)?;
    (order.status, order.updated_at) = (change.status, now);
    one(StatusCode::OK, &order, None)
}

/// Serves until the process is ended.
pub(crate) fn serve(orders: &str, clients: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let config = orders.parse().expect("a URL of the testkit's");
        let manager = deadpool_postgres::Manager::new(config, NoTls);
        let pool = deadpool_postgres::Pool::builder(manager).max_size(POOL as usize).build();
        // Whoever wants speed leaves out the question that each connection is asked before it is used.
        let options = PgPoolOptions::new().max_connections(POOL).test_before_acquire(false);
        let orders = options.connect_lazy(orders).expect("a URL of the testkit's");
        let mut options = ClientOptions::parse(clients).await.expect("a URL of the testkit's");
        options.max_pool_size = Some(POOL);
        let database = options.default_database.clone().expect("with a database");
        let client = mongodb::Client::with_options(options).expect("the driver takes them");
        // What the store asks for, so that the server has the same work.
        let options = CollectionOptions::builder().read_concern(ReadConcern::majority()).build();
        let clients = client.database(&database).collection_with_options("clients", options);
        let app = Router::new()
            .route("/api/orders/{number}", get(read).put(change))
            .route("/api/orders/", get(list).post(create))
            .route("/tokio-postgres/orders/{number}", get(read_by_tokio_postgres))
            .route("/transaction/orders/", post(create_in_transaction))
            .route("/ready", get(|| async { "ready" }))
            .with_state(Stores { orders, tokio_postgres: pool.expect("a pool"), clients });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        println!("http://{}", listener.local_addr().expect("it has an address"));
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        axum::serve(listener, app).await.expect("it serves");
    });
}
