//! `/livez` and `/readyz`, for what starts, restarts and routes to the process.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use futures_util::future::join;
use provesi_core::{Health, StoreError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::answer;
use crate::api::Api;
use crate::health::answers;
use crate::lifecycle::{Lifecycle, Stage};

/// Whether the process works, or takes requests.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ProbeStatus {
    /// `ok`, `degraded`, `starting`, `draining` or `unavailable`.
    #[schema(example = "ok")]
    status: &'static str,
    /// Why it is not `ok`, such as `clients_unavailable` or `orders_disk_full`.
    reasons: Vec<String>,
}

/// Si el proceso funciona.
#[utoipa::path(
    get,
    path = "/livez",
    operation_id = "get_liveness",
    tag = "health",
    responses((status = 200, description = "The process works, whatever its stores do", body = ProbeStatus)),
)]
pub(crate) async fn livez() -> Response {
    answer(StatusCode::OK, "ok", Vec::new())
}

/// Si el servidor recibe solicitudes.
#[utoipa::path(
    get,
    path = "/readyz",
    operation_id = "get_readiness",
    tag = "health",
    responses(
        (status = 200, description = "Requests are served; `degraded` if not all of them", body = ProbeStatus),
        (status = 503, description = "The server starts or stops, or has no store of orders", body = ProbeStatus),
    ),
)]
pub(crate) async fn readyz(State(api): State<Api>) -> Response {
    if let Some(answer) = not_ready(&api.options.lifecycle) {
        return answer;
    }
    let (clients, orders) = join(api.probes.clients.last_state(), api.probes.orders.last_state()).await;
    let reasons: Vec<_> = reason("clients", &clients).into_iter().chain(reason("orders", &orders)).collect();
    if !answers(&orders) {
        return answer(StatusCode::SERVICE_UNAVAILABLE, "unavailable", reasons);
    }
    answer(StatusCode::OK, if reasons.is_empty() { "ok" } else { "degraded" }, reasons)
}

/// The answer of a server that is starting or draining.
pub(crate) fn not_ready(lifecycle: &Lifecycle) -> Option<Response> {
    let (status, reason) = match lifecycle.stage() {
        Stage::Ready => return None,
        Stage::Starting { reason } => ("starting", reason),
        Stage::Draining => ("draining", None),
    };
    Some(answer(StatusCode::SERVICE_UNAVAILABLE, status, reason.map(str::to_owned).into_iter().collect()))
}

fn reason(store: &str, health: &Health) -> Option<String> {
    let reason = match &health.answer {
        Ok(()) => return None,
        Err(StoreError::Degraded { reason, .. }) => reason.replace(|c: char| !c.is_ascii_alphanumeric(), "_"),
        Err(StoreError::Unavailable { .. }) => "unavailable".to_owned(),
        Err(_) => "failing".to_owned(),
    };
    Some(format!("{store}_{reason}"))
}

fn answer(code: StatusCode, status: &'static str, reasons: Vec<String>) -> Response {
    let mut answer = answer::json(code, &ProbeStatus { status, reasons });
    if code == StatusCode::SERVICE_UNAVAILABLE {
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    answer
}
