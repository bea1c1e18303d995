//! Whether the stores answer: `/api/health`, and one route per store.

mod probe;
pub(crate) mod probes;

pub(crate) use probe::Probes;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use futures_util::future::join;
use provesi_core::{Health, StoreError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer;
use crate::api::Api;

/// The paths of health checks. A load balancer asks for them by whatever name it has for this server.
const PATHS: [&str; 7] = [
    "/livez",
    "/readyz",
    "/api/health",
    "/api/clients/health/status",
    "/api/orders/health/status",
    "/clients/health",
    "/orders/health",
];

/// Whether a path is that of a health check. A server that has no room left may still answer these.
#[must_use]
pub fn is_health_path(path: &str) -> bool {
    PATHS.contains(&path)
}

/// How one store is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ServiceStatus {
    #[schema(example = "clients")]
    service: &'static str,
    /// `ok`, `error`, or `degraded` if it answers and cannot do all of its work.
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
pub(crate) struct Overview {
    /// `ok`, or `degraded` where a service is not.
    #[schema(example = "ok")]
    status: &'static str,
    services: Services,
}

/// How each service is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Services {
    clients: StoreStatus,
    orders: StoreStatus,
    security: SecurityStatus,
}

/// How a store is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StoreStatus {
    /// `ok`, `error`, or `degraded` if it answers and cannot do all of its work.
    #[schema(example = "ok")]
    status: &'static str,
    #[schema(example = "SQLite")]
    database: String,
}

/// How the security service is.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SecurityStatus {
    #[schema(example = "ok")]
    status: &'static str,
    /// Whether secure messages can be made and opened.
    #[schema(example = "not_configured")]
    crypto: &'static str,
}

/// Estado de todos los servicios.
#[utoipa::path(
    get,
    path = "/api/health",
    operation_id = "get_health",
    tag = "health",
    responses((status = 200, description = "The state; `degraded` where a service does not work", body = Overview)),
)]
pub(crate) async fn overview(State(api): State<Api>) -> Response {
    let (clients, orders) = join(api.probes.clients.ping(), api.probes.orders.ping()).await;
    let security = match api.options.boundary.works() {
        None => SecurityStatus { status: OK, crypto: "not_configured" },
        Some(true) => SecurityStatus { status: OK, crypto: "working" },
        Some(false) => SecurityStatus { status: "error", crypto: "failing" },
    };
    let store = |health: &Health| StoreStatus { status: status_of(health), database: health.database.clone() };
    let all_well = clients.answer.is_ok() && orders.answer.is_ok() && security.status == OK;
    let status = if all_well { OK } else { DEGRADED };
    let services = Services { clients: store(&clients), orders: store(&orders), security };
    answer::json(StatusCode::OK, &Overview { status, services })
}

/// Estado del servicio de clientes.
#[utoipa::path(
    get,
    path = "/api/clients/health/status",
    operation_id = "get_clients_health",
    tag = "health",
    responses(
        (status = 200, description = "The store of clients answers, if only reads", body = ServiceStatus),
        (status = 503, description = "It does not", body = ServiceStatus),
    ),
)]
pub(crate) async fn clients(State(api): State<Api>) -> Response {
    service("clients", &*api.probes.clients.ping().await)
}

/// Estado del servicio de órdenes.
#[utoipa::path(
    get,
    path = "/api/orders/health/status",
    operation_id = "get_orders_health",
    tag = "health",
    responses(
        (status = 200, description = "The store of orders answers, if only reads", body = ServiceStatus),
        (status = 503, description = "It does not", body = ServiceStatus),
    ),
)]
pub(crate) async fn orders(State(api): State<Api>) -> Response {
    service("orders", &*api.probes.orders.ping().await)
}

const OK: &str = "ok";
const DEGRADED: &str = "degraded";

/// `ok`, `degraded` or `error`.
pub(crate) const fn status_of(health: &Health) -> &'static str {
    match health.answer {
        Ok(()) => OK,
        Err(StoreError::Degraded { .. }) => DEGRADED,
        Err(_) => "error",
    }
}

/// Whether a store answers, if only reads.
pub(crate) const fn answers(health: &Health) -> bool {
    matches!(health.answer, Ok(()) | Err(StoreError::Degraded { .. }))
}

fn service(service: &'static str, health: &Health) -> Response {
    let (code, connection) = match answers(health) {
        true => (StatusCode::OK, "connected"),
        false => (StatusCode::SERVICE_UNAVAILABLE, "disconnected"),
    };
    let database = health.database.clone();
    answer::json(code, &ServiceStatus { service, status: status_of(health), database, connection })
}
