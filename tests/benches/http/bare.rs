//! The other side of the ratio: an axum handler that makes the same two queries on the same file, with nothing around it.

use std::path::Path;

use axum::Router;
use axum::extract::{Path as PathParam, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use provesi_store_sqlite::{reader_options, reader_pool_options};
use serde::Serialize;
use sqlx::sqlite::SqlitePool;

const ORDER: &str = "SELECT id, order_number, client_id, status, return_reason, returned_at, created_at, updated_at \
     FROM orders WHERE number_folded = ?";
const CLIENT: &str = "SELECT id, name, email, phone, address, created_at, updated_at FROM clients WHERE id = ?";

#[derive(sqlx::FromRow, Serialize)]
struct Order {
    id: i64,
    order_number: String,
    client_id: Option<String>,
    status: String,
    return_reason: Option<String>,
    returned_at: Option<i64>,
    created_at: i64,
    updated_at: i64,
    #[sqlx(skip)]
    client: Option<Client>,
}

#[derive(sqlx::FromRow, Serialize)]
struct Client {
    id: String,
    name: String,
    email: String,
    phone: Option<String>,
    address: Option<String>,
    created_at: i64,
    updated_at: i64,
}

#[derive(Serialize)]
struct Envelope {
    status: &'static str,
    data: Order,
}

async fn order(State(pool): State<SqlitePool>, PathParam(number): PathParam<String>) -> Response {
    let found = sqlx::query_as::<_, Order>(ORDER).bind(number.to_ascii_lowercase()).fetch_optional(&pool).await;
    let Ok(Some(mut order)) = found else { return StatusCode::NOT_FOUND.into_response() };
    if let Some(id) = &order.client_id {
        let client = sqlx::query_as::<_, Client>(CLIENT).bind(id).fetch_optional(&pool).await;
        order.client = client.unwrap_or_default();
    }
    match serde_json::to_vec(&Envelope { status: "success", data: order }) {
        Ok(json) => ([(header::CONTENT_TYPE, "application/json")], json).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Serves until the process is ended.
pub(crate) fn serve(file: &Path, readers: u32) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let pool = reader_pool_options(readers).connect_lazy_with(reader_options(file));
        let app = Router::new()
            .route("/api/orders/{number}", get(order))
            .route("/ready", get(|| async { "ready" }))
            .with_state(pool);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        println!("http://{}", listener.local_addr().expect("it has an address"));
        axum::serve(listener, app).await.expect("it serves");
    });
}
