//! The other side of the ratios: axum handlers that make the same queries with the same drivers, pools of the same size
//! and the same answers, with nothing around them.

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt;
use axum::{Json, Router};
use chrono::{DateTime, SecondsFormat, SubsecRound, Utc};
use mongodb::Collection;
use mongodb::bson::{DateTime as BsonDate, doc, oid::ObjectId};
use mongodb::options::{ClientOptions, CollectionOptions, ReadConcern};
use serde::{Deserialize, Serialize, Serializer};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;

/// As many connections to each database as the server has by default.
const POOL: u32 = 16;

const ORDER: &str = "SELECT id, order_number, client_id, status, return_reason, returned_at, created_at, updated_at \
     FROM orders_order WHERE lower(order_number COLLATE \"C\") = $1";

/// The order and its event, with the lock that keeps the feed from skipping it.
const INSERT: &str = "WITH made AS (\
        INSERT INTO orders_order \
            (order_number, client_id, status, return_reason, returned_at, created_at, updated_at) \
        VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING RETURNING id), \
     turn AS MATERIALIZED (SELECT id, pg_advisory_xact_lock_shared(1347571542, 1) FROM made), \
     told AS (\
        INSERT INTO provesi_order_events (order_id, order_number, at, actor, address, detail) \
        SELECT id, $1, $8, $9, $10, $11::jsonb FROM turn) \
     SELECT id FROM made";

const STATUSES: [(&str, &str); 7] = [
    ("received", "Recibido"),
    ("picking", "Alistamiento"),
    ("packing", "Empaque"),
    ("shipped", "Despachado"),
    ("delivered", "Entregado"),
    ("returned", "Devuelto"),
    ("cancelled", "Cancelado"),
];

#[derive(Clone)]
struct Stores {
    orders: PgPool,
    clients: Collection<Client>,
}

#[derive(sqlx::FromRow)]
struct Order {
    id: i64,
    order_number: String,
    client_id: Option<String>,
    status: String,
    return_reason: Option<String>,
    returned_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
}

#[derive(Deserialize)]
struct Client {
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

#[derive(Serialize)]
struct Envelope<'a> {
    status: &'static str,
    data: OrderBody<'a>,
}

#[derive(Serialize)]
struct OrderBody<'a> {
    id: i64,
    order_number: &'a str,
    client_id: Option<&'a str>,
    status: &'a str,
    status_display: &'static str,
    #[serde(serialize_with = "rfc3339")]
    created_at: DateTime<Utc>,
    #[serde(serialize_with = "rfc3339")]
    updated_at: DateTime<Utc>,
    next_statuses: Vec<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    return_reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "rfc3339_if_any")]
    returned_at: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<ClientBody<'a>>,
}

#[derive(Serialize)]
struct ClientBody<'a> {
    id: String,
    name: &'a str,
    email: &'a str,
    phone: &'a str,
    address: &'a str,
    #[serde(serialize_with = "rfc3339")]
    created_at: DateTime<Utc>,
    #[serde(serialize_with = "rfc3339")]
    updated_at: DateTime<Utc>,
}

fn rfc3339<S: Serializer>(at: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    let format =
        if at.timestamp_subsec_micros().is_multiple_of(1_000) { SecondsFormat::Millis } else { SecondsFormat::Micros };
    serializer.serialize_str(&at.to_rfc3339_opts(format, true))
}

fn rfc3339_if_any<S: Serializer>(at: &Option<DateTime<Utc>>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => rfc3339(at, serializer),
        None => serializer.serialize_none(),
    }
}

fn instant(at: BsonDate) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(at.timestamp_millis()).unwrap_or_default()
}

impl<'a> OrderBody<'a> {
    fn of(order: &'a Order, client: Option<&'a Client>) -> Self {
        let client = client.map(|client| ClientBody {
            id: client.id.to_hex(),
            name: &client.name,
            email: &client.email,
            phone: client.phone.as_deref().unwrap_or_default(),
            address: client.address.as_deref().unwrap_or_default(),
            created_at: instant(client.created_at),
            updated_at: instant(client.updated_at),
        });
        Self {
            id: order.id,
            order_number: &order.order_number,
            client_id: order.client_id.as_deref(),
            status: &order.status,
            status_display: STATUSES.iter().find(|(name, _)| *name == order.status).map_or("", |(_, label)| label),
            created_at: order.created_at,
            updated_at: order.updated_at,
            next_statuses: STATUSES.iter().map(|(name, _)| *name).filter(|name| *name != order.status).collect(),
            return_reason: order.return_reason.as_deref(),
            returned_at: order.returned_at,
            client,
        }
    }
}

fn failed(_: impl std::error::Error) -> StatusCode {
    StatusCode::INTERNAL_SERVER_ERROR
}

fn answer(status: StatusCode, order: &Order, client: Option<&Client>) -> Result<Response, StatusCode> {
    let json =
        serde_json::to_vec(&Envelope { status: "success", data: OrderBody::of(order, client) }).map_err(failed)?;
    Ok((status, [(header::CONTENT_TYPE, "application/json")], json).into_response())
}

async fn client(stores: &Stores, id: &str) -> Result<Option<Client>, StatusCode> {
    let id = ObjectId::parse_str(id).map_err(failed)?;
    stores.clients.find_one(doc! { "_id": id }).await.map_err(failed)
}

async fn read(State(stores): State<Stores>, Path(number): Path<String>) -> Result<Response, StatusCode> {
    let order: Option<Order> =
        sqlx::query_as(ORDER).bind(number.to_ascii_lowercase()).fetch_optional(&stores.orders).await.map_err(failed)?;
    let order = order.ok_or(StatusCode::NOT_FOUND)?;
    let client = match &order.client_id {
        Some(id) => client(&stores, id).await?,
        None => None,
    };
    answer(StatusCode::OK, &order, client.as_ref())
}

/// The client is looked at first. That it is deleted meanwhile goes unnoticed.
async fn create(State(stores): State<Stores>, Json(draft): Json<Draft>) -> Result<Response, StatusCode> {
    if let Some(id) = &draft.client_id {
        client(&stores, id).await?.ok_or(StatusCode::BAD_REQUEST)?;
    }
    let now = Utc::now().trunc_subsecs(3);
    let detail = serde_json::json!({ "type": "created", "status": draft.status, "client_id": draft.client_id });
    let id: Option<i64> = sqlx::query_scalar(INSERT)
        .bind(&draft.order_number)
        .bind(&draft.client_id)
        .bind(&draft.status)
        .bind(None::<String>)
        .bind(None::<DateTime<Utc>>)
        .bind(now)
        .bind(now)
        .bind(now)
        .bind("anonymous")
        .bind("127.0.0.1")
        .bind(detail.to_string())
        .fetch_optional(&stores.orders)
        .await
        .map_err(failed)?;
    let id = id.ok_or(StatusCode::BAD_REQUEST)?;
    let Draft { order_number, client_id, status } = draft;
    let (return_reason, returned_at) = (None, None);
    let order =
        Order { id, order_number, client_id, status, return_reason, returned_at, created_at: now, updated_at: now };
    answer(StatusCode::CREATED, &order, None)
}

/// Serves until the process is ended.
pub(crate) fn serve(orders: &str, clients: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
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
            .route("/api/orders/{number}", get(read))
            .route("/api/orders/", post(create))
            .route("/ready", get(|| async { "ready" }))
            .with_state(Stores { orders, clients });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        println!("http://{}", listener.local_addr().expect("it has an address"));
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        axum::serve(listener, app).await.expect("it serves");
    });
}
