//! `/api/orders/by-id/{id}`: an order by its id, which stays when the number changes. The only way to one whose number
//! breaks the rules, and so cannot be asked for.

use axum::extract::State;
use axum::response::Response;
use provesi_core::OrderChange;

use super::delete::delete_by;
use super::get::answer_with;
use super::update::update_by;
use crate::answer::Done;
use crate::api::Api;
use crate::body::Payload;
use crate::caller::By;
use crate::docs::{Conflict, Faults, OneOrder, OrderEdit, Problem};
use crate::error::ApiError;
use crate::etag::IfMatch;
use crate::path::PathOrderId;

/// Una orden por su id, con su cliente.
#[utoipa::path(
    get,
    path = "/api/orders/by-id/{id}",
    operation_id = "get_order_by_id",
    tag = "orders",
    params(("id" = i64, Path, description = "The order's id")),
    responses(
        (status = 200, description = "The order", body = OneOrder, headers(("ETag" = String, description = "Its version"))),
        (status = 404, description = "`Orden no encontrada`", body = Problem),
        (status = 503, description = "The store of orders does not answer", body = Problem),
    ),
)]
pub(crate) async fn get(State(api): State<Api>, By(caller): By, id: PathOrderId) -> Result<Response, ApiError> {
    answer_with(&api, &caller, id.get()?.into()).await
}

/// Cambia los datos dados de una orden.
///
/// As by its number. Of an order that breaks rules, the change has to give a right value for each field that does.
#[utoipa::path(
    put,
    path = "/api/orders/by-id/{id}",
    operation_id = "update_order_by_id",
    tag = "orders",
    params(
        ("id" = i64, Path, description = "The order's id"),
        ("If-Match" = Option<String>, Header, description = "Only if the order is in this version: the `ETag` it was read with"),
    ),
    request_body = OrderEdit,
    responses(
        (status = 200, description = "The order after the change, without its client", body = OneOrder, headers(("ETag" = String, description = "Its version"))),
        (status = 400, description = "As by its number", body = Problem),
        (status = 404, description = "`Orden no encontrada`", body = Problem),
        (status = 412, description = "The order changed meanwhile", body = Conflict),
        (status = 408, description = "The body did not arrive in time", body = Problem),
        (status = 413, description = "The body is too large", body = Problem),
        (status = 422, description = "What is wrong with the body, or with a field of the order that it leaves as it is", body = Faults),
        (status = 503, description = "A store does not answer", body = Problem),
        (status = 504, description = "The change was not confirmed in time: look at the record, at `Location`, before you repeat it", body = Problem),
    ),
)]
pub(crate) async fn update(
    State(api): State<Api>,
    By(caller): By,
    id: PathOrderId,
    if_match: IfMatch,
    Payload(change): Payload<OrderChange>,
) -> Result<Response, ApiError> {
    let id = id.get()?;
    update_by(api, caller, Some(id.to_string()), id.into(), if_match, change).await
}

/// Elimina una orden; su historia queda.
#[utoipa::path(
    delete,
    path = "/api/orders/by-id/{id}",
    operation_id = "delete_order_by_id",
    tag = "orders",
    params(
        ("id" = i64, Path, description = "The order's id"),
        ("If-Match" = Option<String>, Header, description = "Only if the order is in this version: the `ETag` it was read with"),
    ),
    responses(
        (status = 200, description = "Done", body = Done),
        (status = 404, description = "`Orden no encontrada`", body = Problem),
        (status = 412, description = "The order changed meanwhile", body = Conflict),
        (status = 503, description = "The store of orders does not answer", body = Problem),
        (status = 504, description = "The change was not confirmed in time: look at the record, at `Location`, before you repeat it", body = Problem),
    ),
)]
pub(crate) async fn delete(
    State(api): State<Api>,
    By(caller): By,
    id: PathOrderId,
    if_match: IfMatch,
) -> Result<Response, ApiError> {
    let id = id.get()?;
    delete_by(api, caller, Some(id.to_string()), id.into(), if_match).await
}
