//! Whether the stores answer: `/api/health`, and one route per store.

use std::future::Future;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use futures_util::future::join;
use provesi_core::Health;
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer;
use crate::api::Api;

/// The paths of health checks. A load balancer asks for them by whatever name it has for this server.
pub(crate) const PATHS: [&str; 7] = [
    "/livez",
    "/readyz",
    "/api/health",
    "/api/clients/health/status",
    "/api/orders/health/status",
    "/clients/health",
    "/orders/health",
];

/// How one store is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ServiceStatus {
    #[schema(example = "clients")]
    service: &'static str,
    /// `ok` or `error`.
    #[schema(example = "ok")]
    status: &'static str,
    /// The store in use.
    #[schema(example = "SQLite")]
    database: String,
    /// `connected` or `disconnected`.
    #[schema(example = "connected")]
    connection: &'static str,
}

/// How all is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Overview<'a> {
    /// `ok`, or `degraded` where a service is not.
    #[schema(example = "ok")]
    status: &'static str,
    services: Services<'a>,
}

/// How each service is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Services<'a> {
    clients: StoreStatus,
    orders: StoreStatus,
    security: SecurityStatus<'a>,
}

/// How a store is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StoreStatus {
    /// `ok` or `error`.
    #[schema(example = "ok")]
    status: &'static str,
    #[schema(example = "SQLite")]
    database: String,
}

/// How the security service is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SecurityStatus<'a> {
    #[schema(example = "ok")]
    status: &'a str,
    /// Whether secure messages can be made and opened.
    #[schema(example = "not_configured")]
    crypto: &'a str,
}

/// Estado de todos los servicios.
#[utoipa::path(
    get,
    path = "/api/health",
    operation_id = "get_health",
    tag = "health",
    responses((status = 200, description = "The state; `degraded` where a service does not work", body = Overview<'_>)),
)]
pub(crate) async fn overview(State(api): State<Api>) -> Response {
    let (clients, orders) = join(clients_answer(&api), orders_answer(&api)).await;
    let security = &api.options.security;
    let security = match api.options.boundary.works() {
        None => SecurityStatus { status: &security.status, crypto: &security.crypto },
        Some(true) => SecurityStatus { status: OK, crypto: "working" },
        Some(false) => SecurityStatus { status: "error", crypto: "failing" },
    };
    let store = |health: Health| StoreStatus { status: status_of(&health), database: health.database };
    let all_well = clients.answer.is_ok() && orders.answer.is_ok() && security.status == OK;
    let status = if all_well { OK } else { "degraded" };
    let services = Services { clients: store(clients), orders: store(orders), security };
    answer::json(StatusCode::OK, &Overview { status, services })
}

/// Estado del servicio de clientes.
#[utoipa::path(
    get,
    path = "/api/clients/health/status",
    operation_id = "get_clients_health",
    tag = "health",
    responses(
        (status = 200, description = "The store of clients answers", body = ServiceStatus),
        (status = 503, description = "It does not", body = ServiceStatus),
    ),
)]
pub(crate) async fn clients(State(api): State<Api>) -> Response {
    service("clients", clients_answer(&api).await)
}

/// Estado del servicio de órdenes.
#[utoipa::path(
    get,
    path = "/api/orders/health/status",
    operation_id = "get_orders_health",
    tag = "health",
    responses(
        (status = 200, description = "The store of orders answers", body = ServiceStatus),
        (status = 503, description = "It does not", body = ServiceStatus),
    ),
)]
pub(crate) async fn orders(State(api): State<Api>) -> Response {
    service("orders", orders_answer(&api).await)
}

const OK: &str = "ok";

const fn status_of(health: &Health) -> &'static str {
    if health.answer.is_ok() { OK } else { "error" }
}

fn service(service: &'static str, health: Health) -> Response {
    let (code, connection) = match health.answer {
        Ok(()) => (StatusCode::OK, "connected"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "disconnected"),
    };
    answer::json(code, &ServiceStatus { service, status: status_of(&health), database: health.database, connection })
}

pub(crate) async fn clients_answer(api: &Api) -> Health {
    in_time(api.options.ping_timeout, api.app.clients_health(), || api.app.clients().database()).await
}

pub(crate) async fn orders_answer(api: &Api) -> Health {
    in_time(api.options.ping_timeout, api.app.orders_health(), || api.app.orders().database()).await
}

/// A store that does not answer in time counts as one that does not answer.
async fn in_time(limit: Duration, asked: impl Future<Output = Health>, database: impl Fn() -> String) -> Health {
    let health = tokio::time::timeout(limit, asked).await.unwrap_or_else(|late| Health {
        database: database(),
        answer: Err(provesi_core::StoreError::unavailable(late)),
    });
    if let Err(error) = &health.answer {
        let source = std::error::Error::source(error).map(ToString::to_string);
        tracing::warn!(database = health.database, error = %error, source, "a store failed its health check");
    }
    health
}
