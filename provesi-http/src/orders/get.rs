//! `GET /api/orders/{number}`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use provesi_core::{Caller, OrderKey};

use crate::answer::{self, Success, Warning};
use crate::api::Api;
use crate::caller::By;
use crate::docs::{OneOrder, Problem};
use crate::error::ApiError;
use crate::etag;
use crate::path::PathNumber;
use crate::wire::OrderBody;

/// Una orden con su cliente.
#[utoipa::path(
    get,
    path = "/api/orders/{number}",
    operation_id = "get_order",
    tag = "orders",
    params(("number" = String, Path, description = "The order's number, in any letter case")),
    responses(
        (status = 200, description = "The order", body = OneOrder, headers(("ETag" = String, description = "Its version"))),
        (status = 404, description = "`Orden no encontrada`", body = Problem),
        (status = 503, description = "The store of orders does not answer", body = Problem),
    ),
)]
pub(crate) async fn get(State(api): State<Api>, By(caller): By, number: PathNumber) -> Result<Response, ApiError> {
    answer_with(&api, &caller, number.get()?.into()).await
}

/// The order, as an answer.
pub(super) async fn answer_with(api: &Api, caller: &Caller, key: OrderKey) -> Result<Response, ApiError> {
    let view = api.app.order(caller, key).await.map_err(|error| api.error(error))?;
    let warnings = Warning::ClientsUnavailable.only(view.client.is_unavailable());
    let mut answer = answer::json(StatusCode::OK, &Success::new(OrderBody::of_view(&view), warnings));
    etag::tag(&mut answer, view.order.version());
    Ok(answer)
}
