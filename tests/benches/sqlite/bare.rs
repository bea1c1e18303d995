//! The other side of the ratios: axum handlers that make the same queries on the same file and give the same answers, with
//! nothing around them.

use std::collections::HashMap;
use std::path::Path;

use axum::body::{Body, Bytes};
use axum::extract::{Path as PathParam, Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::serve::ListenerExt;
use axum::{Json, Router};
use chrono::{DateTime, SubsecRound, Utc};
use futures_util::{StreamExt, stream};
use provesi_store_sqlite::{reader_options, reader_pool_options, writer_options, writer_pool_options};
use serde::Deserialize;
use sqlx::sqlite::{SqlitePool, SqliteRow};
use sqlx::{FromRow, Row};

use crate::bodies::{Client, ClientBody, Order, OrderBody, failed, list, one, page};
use crate::ratios::LIMIT;

const ORDER: &str = "SELECT id, order_number, client_id, status, return_reason, returned_at, created_at, updated_at \
     FROM orders WHERE number_folded = ?";
const ORDERS: &str = "SELECT id, order_number, client_id, status, return_reason, returned_at, created_at, updated_at \
     FROM orders INDEXED BY orders_updated ORDER BY updated_at DESC, id DESC LIMIT ? + 0";
const CLIENT: &str = "SELECT id, name, email, phone, address, created_at, updated_at FROM clients WHERE id = ?";
const CLIENTS: &str = "SELECT id, name, email, phone, address, created_at, updated_at FROM clients \
     WHERE id IN (SELECT value FROM json_each(?))";
const CLIENTS_BY_NAME: &str = "SELECT id, name, email, phone, address, created_at, updated_at FROM clients \
     ORDER BY name_key, id LIMIT ? + 0";
const COUNTS: &str = "SELECT client_id, count(*) FROM orders \
     WHERE client_id IN (SELECT value FROM json_each(?)) GROUP BY client_id";
const EVERYTHING: &str = "SELECT orders.id, order_number, client_id, status, return_reason, returned_at, \
        orders.created_at, orders.updated_at, name, email, phone, address, \
        clients.created_at AS client_created_at, clients.updated_at AS client_updated_at \
     FROM orders INDEXED BY orders_updated LEFT JOIN clients ON clients.id = orders.client_id \
     ORDER BY orders.updated_at DESC, orders.id DESC";
const INSERT: &str = "INSERT INTO orders (order_number, number_folded, client_id, status, created_at, updated_at) \
     VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING RETURNING id";
const INSERT_EVENT: &str = "INSERT INTO order_events (order_id, order_number, at, actor, address, detail) \
     VALUES (?, ?, ?, ?, ?, ?)";

/// How many bytes of a list are sent at a time.
const CHUNK: usize = 64 * 1024;

#[derive(Clone)]
struct Pools {
    readers: SqlitePool,
    writer: SqlitePool,
}

fn instant(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or_default()
}

struct OrderRow(Order);

impl FromRow<'_, SqliteRow> for OrderRow {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        Ok(Self(Order {
            id: row.try_get(0)?,
            order_number: row.try_get(1)?,
            client_id: row.try_get(2)?,
            status: row.try_get(3)?,
            return_reason: row.try_get(4)?,
            returned_at: row.try_get::<Option<i64>, _>(5)?.map(instant),
            created_at: instant(row.try_get(6)?),
            updated_at: instant(row.try_get(7)?),
        }))
    }
}

struct ClientRow(Client);

impl FromRow<'_, SqliteRow> for ClientRow {
    fn from_row(row: &SqliteRow) -> sqlx::Result<Self> {
        Ok(Self(Client {
            id: row.try_get(0)?,
            name: row.try_get(1)?,
            email: row.try_get(2)?,
            phone: row.try_get(3)?,
            address: row.try_get(4)?,
            created_at: instant(row.try_get(5)?),
            updated_at: instant(row.try_get(6)?),
        }))
    }
}

async fn order(State(pools): State<Pools>, PathParam(number): PathParam<String>) -> Result<Response, StatusCode> {
    let found = sqlx::query_as(ORDER).bind(number.to_ascii_lowercase()).fetch_optional(&pools.readers);
    let OrderRow(order) = found.await.map_err(failed)?.ok_or(StatusCode::NOT_FOUND)?;
    let client: Option<ClientRow> = match &order.client_id {
        Some(id) => sqlx::query_as(CLIENT).bind(id).fetch_optional(&pools.readers).await.map_err(failed)?,
        None => None,
    };
    one(StatusCode::OK, &order, client.as_ref().map(|ClientRow(client)| client))
}

#[derive(Deserialize)]
struct Paging {
    limit: u16,
}

async fn orders(State(pools): State<Pools>, Query(Paging { limit }): Query<Paging>) -> Result<Response, StatusCode> {
    let rows = sqlx::query_as(ORDERS).bind(i64::from(limit) + 1).fetch_all(&pools.readers).await.map_err(failed)?;
    let orders: Vec<Order> = rows.into_iter().map(|OrderRow(order)| order).collect();
    let ids: Vec<&str> = orders.iter().filter_map(|order| order.client_id.as_deref()).collect();
    let ids = serde_json::to_string(&ids).map_err(failed)?;
    let rows = sqlx::query_as(CLIENTS).bind(ids).fetch_all(&pools.readers).await.map_err(failed)?;
    page(&orders, rows.into_iter().map(|ClientRow(client)| client).collect(), limit.into())
}

async fn clients(State(pools): State<Pools>) -> Result<Response, StatusCode> {
    let limit = i64::try_from(LIMIT + 1).unwrap_or(i64::MAX);
    let rows = sqlx::query_as(CLIENTS_BY_NAME).bind(limit).fetch_all(&pools.readers).await.map_err(failed)?;
    let clients: Vec<Client> = rows.into_iter().map(|ClientRow(client)| client).collect();
    let ids: Vec<&str> = clients.iter().map(|client| &*client.id).collect();
    let ids = serde_json::to_string(&ids).map_err(failed)?;
    let counts: Vec<(String, i64)> =
        sqlx::query_as(COUNTS).bind(ids).fetch_all(&pools.readers).await.map_err(failed)?;
    let counts: HashMap<String, i64> = counts.into_iter().collect();
    let body = |client| ClientBody::of(client, Some(counts.get(&client.id).copied().unwrap_or(0)));
    list(clients.iter().take(LIMIT).map(body).collect(), clients.get(LIMIT).map(|client| client.id.clone()))
}

/// All orders with their clients, as they come from the file.
async fn everything(State(pools): State<Pools>) -> Response {
    let (send, chunks) = tokio::sync::mpsc::channel::<Bytes>(4);
    tokio::spawn(async move {
        let mut rows = sqlx::query(EVERYTHING).fetch(&pools.readers);
        let mut chunk = b"{\"status\":\"success\",\"data\":[".to_vec();
        let mut is_first = true;
        while let Some(row) = rows.next().await {
            let row = row.expect("the file can be read");
            if !std::mem::take(&mut is_first) {
                chunk.push(b',');
            }
            write(&row, &mut chunk).expect("rows have these columns");
            if chunk.len() >= CHUNK && send.send(std::mem::take(&mut chunk).into()).await.is_err() {
                return;
            }
        }
        chunk.extend_from_slice(b"]}");
        let _ = send.send(chunk.into()).await;
    });
    let chunks = stream::unfold(chunks, |mut chunks| async {
        let chunk = chunks.recv().await?;
        Some((Ok::<_, std::convert::Infallible>(chunk), chunks))
    });
    ([(header::CONTENT_TYPE, "application/json")], Body::from_stream(chunks)).into_response()
}

fn write(row: &SqliteRow, into: &mut Vec<u8>) -> sqlx::Result<()> {
    let OrderRow(order) = OrderRow::from_row(row)?;
    let client = match (&order.client_id, row.try_get::<Option<String>, _>(8)?) {
        (Some(id), Some(name)) => Some(Client {
            id: id.clone(),
            name,
            email: row.try_get(9)?,
            phone: row.try_get(10)?,
            address: row.try_get(11)?,
            created_at: instant(row.try_get(12)?),
            updated_at: instant(row.try_get(13)?),
        }),
        _ => None,
    };
    serde_json::to_writer(into, &OrderBody::of(&order, client.as_ref())).expect("memory can be written");
    Ok(())
}

#[derive(Deserialize)]
struct Draft {
    order_number: String,
    client_id: Option<String>,
    status: String,
}

/// The order and its event, committed before the answer.
async fn create(State(pools): State<Pools>, Json(draft): Json<Draft>) -> Result<Response, StatusCode> {
    let Draft { order_number, client_id, status } = draft;
    let now = Utc::now().trunc_subsecs(3);
    let mut transaction = pools.writer.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
    let id: Option<i64> = sqlx::query_scalar(INSERT)
        .bind(&order_number)
        .bind(order_number.to_ascii_lowercase())
        .bind(&client_id)
        .bind(&status)
        .bind(now.timestamp_micros())
        .bind(now.timestamp_micros())
        .fetch_optional(&mut *transaction)
        .await
        .map_err(failed)?;
    let id = id.ok_or(StatusCode::BAD_REQUEST)?;
    sqlx::query(INSERT_EVENT)
        .bind(id)
        .bind(&order_number)
        .bind(now.timestamp_micros())
        .bind("anonymous")
        .bind("127.0.0.1")
        .bind(serde_json::json!({ "type": "created", "status": status, "client_id": client_id }).to_string())
        .execute(&mut *transaction)
        .await
        .map_err(failed)?;
    transaction.commit().await.map_err(failed)?;
    let (return_reason, returned_at) = (None, None);
    let order =
        Order { id, order_number, client_id, status, return_reason, returned_at, created_at: now, updated_at: now };
    one(StatusCode::CREATED, &order, None)
}

/// Serves until the process is ended.
pub(crate) fn serve(file: &Path, readers: u32) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let readers = reader_pool_options(readers).connect_lazy_with(reader_options(file));
        let writer = writer_pool_options().connect_lazy_with(writer_options(file));
        let app = Router::new()
            .route("/api/orders/{number}", get(order))
            .route("/api/orders/", get(orders).post(create))
            .route("/api/clients/", get(clients))
            .route("/everything", get(everything))
            .route("/ready", get(|| async { "ready" }))
            .with_state(Pools { readers, writer });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        println!("http://{}", listener.local_addr().expect("it has an address"));
        let listener = listener.tap_io(|stream| {
            let _ = stream.set_nodelay(true);
        });
        axum::serve(listener, app).await.expect("it serves");
    });
}
