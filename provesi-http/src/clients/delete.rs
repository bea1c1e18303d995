//! `DELETE /api/clients/{id}`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use crate::answer::{self, Done, Warning};
use crate::api::Api;
use crate::caller::By;
use crate::docs::{Conflict, Problem};
use crate::error::ApiError;
use crate::etag::IfMatch;
use crate::path::PathClient;

/// Elimina un cliente; sus órdenes quedan sin cliente.
#[utoipa::path(
    delete,
    path = "/api/clients/{id}",
    operation_id = "delete_client",
    tag = "clients",
    params(
        ("id" = String, Path, description = "The client's id: 24 hexadecimal digits"),
        ("If-Match" = Option<String>, Header, description = "Only if the client is in this version: the `ETag` it was read with"),
    ),
    responses(
        (status = 200, description = "Done. With the warning `orders_unavailable` its orders still name it for some minutes", body = Done),
        (status = 400, description = "`ID de cliente inválido`", body = Problem),
        (status = 404, description = "`Cliente no encontrado`", body = Problem),
        (status = 412, description = "The client changed meanwhile", body = Conflict),
        (status = 503, description = "A store does not answer; the client is not deleted", body = Problem),
        (status = 504, description = "The change was not confirmed in time: look at the record, at `Location` if its number or id was given, before you repeat it", body = Problem),
    ),
)]
pub(crate) async fn delete(
    State(api): State<Api>,
    By(caller): By,
    id: PathClient,
    if_match: IfMatch,
) -> Result<Response, ApiError> {
    let id = id.get()?;
    let deleted = api.run_to_completion(Some(id.to_string()), |api| async move {
        let expected = super::expected(&api, id, &if_match).await;
        api.delete_client(&caller, id, expected).await
    });
    let deletion = deleted.await?;
    let warnings = Warning::OrdersUnavailable.only(deletion.detached.is_none());
    Ok(answer::json(StatusCode::OK, &Done::new("Cliente eliminado", warnings)))
}
