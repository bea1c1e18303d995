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
struct Told {
    ok: bool,
    service: &'static str,
    /// The databases in use, each `ok` or `error`.
    databases: BTreeMap<String, &'static str>,
}

pub(crate) async fn clients(State(api): State<Api>) -> Response {
    told("clients", health::clients_answer(&api).await)
}

pub(crate) async fn orders(State(api): State<Api>) -> Response {
    told("orders", health::orders_answer(&api).await)
}

fn told(service: &'static str, health: Health) -> Response {
    let ok = health.answer.is_ok();
    let status = if ok { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let databases = BTreeMap::from([(health.database, if ok { "ok" } else { "error" })]);
    answer::json(status, &Told { ok, service, databases })
}
