//! `/clients/health` and `/orders/health`: whether one store answers.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use provesi_core::Health;
use serde::Serialize;

use crate::answer;
use crate::api::Api;
use crate::health;

#[derive(Debug, Serialize)]
struct HealthReport {
    ok: bool,
    service: &'static str,
    /// The databases in use, each `ok`, `degraded` or `error`.
    databases: BTreeMap<String, &'static str>,
}

pub(crate) async fn clients(State(api): State<Api>) -> Response {
    report("clients", &*api.probes.clients.ping().await)
}

pub(crate) async fn orders(State(api): State<Api>) -> Response {
    report("orders", &*api.probes.orders.ping().await)
}

fn report(service: &'static str, health: &Health) -> Response {
    let ok = health::answers(health);
    let status = if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let databases = BTreeMap::from([(health.database.clone(), health::status_of(health))]);
    answer::json(status, &HealthReport { ok, service, databases })
}
