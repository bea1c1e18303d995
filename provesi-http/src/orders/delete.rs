//! `DELETE /api/orders/{number}`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use provesi_core::{Caller, OrderKey};

use crate::answer::{self, Done};
use crate::api::Api;
use crate::caller::By;
use crate::docs::{Conflict, Problem};
use crate::error::ApiError;
use crate::etag::IfMatch;
use crate::path::PathNumber;

/// Elimina una orden; su historia queda.
#[utoipa::path(
    delete,
    path = "/api/orders/{number}",
    operation_id = "delete_order",
    tag = "orders",
    params(
        ("number" = String, Path, description = "The order's number, in any letter case"),
        ("If-Match" = Option<String>, Header, description = "Only if the order is in this version: the `ETag` it was read with"),
    ),
    responses(
        (status = 200, description = "Done", body = Done),
        (status = 404, description = "`Orden no encontrada`", body = Problem),
        (status = 412, description = "The order changed meanwhile", body = Conflict),
        (status = 503, description = "The store of orders does not answer", body = Problem),
        (status = 504, description = "The change was not confirmed in time: look at the record, at `Location` if its number or id was given, before you repeat it", body = Problem),
    ),
)]
pub(crate) async fn delete(
    State(api): State<Api>,
    By(caller): By,
    number: PathNumber,
    if_match: IfMatch,
) -> Result<Response, ApiError> {
    let number = number.get()?;
    delete_by(api, caller, Some(number.to_string()), number.into(), if_match).await
}

/// Deletes the order. `location` is where it is looked at, relative to the path of the request.
pub(super) async fn delete_by(
    api: Api,
    caller: Caller,
    location: Option<String>,
    key: OrderKey,
    if_match: IfMatch,
) -> Result<Response, ApiError> {
    let deleted = api.run_to_completion(location, |api| async move {
        let expected = super::expected(&api, &key, &if_match).await;
        api.app.delete_order(&caller, key, expected).await
    });
    deleted.await?;
    Ok(answer::json(StatusCode::OK, &Done::new("Orden eliminada", &[])))
}
