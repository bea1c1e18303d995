//! `PUT /api/orders/{number}`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use provesi_core::{Caller, ClientChoice, Field, OrderChange, OrderKey};

use super::create::{reason, short};
use crate::answer::{self, Success};
use crate::api::Api;
use crate::body::Payload;
use crate::caller::By;
use crate::docs::{Conflict, Faults, OneOrder, OrderEdit, Problem};
use crate::error::ApiError;
use crate::etag::{self, IfMatch};
use crate::fields::{Fields, FromFields};
use crate::path::PathNumber;
use crate::wire::OrderBody;

/// Cambia los datos dados de una orden.
///
/// What is left out or `null` stays; an empty `client_id` takes the client off.
#[utoipa::path(
    put,
    path = "/api/orders/{number}",
    operation_id = "update_order",
    tag = "orders",
    params(
        ("number" = String, Path, description = "The order's number, in any letter case"),
        ("If-Match" = Option<String>, Header, description = "Only if the order is in this version: the `ETag` it was read with"),
    ),
    request_body = OrderEdit,
    responses(
        (status = 200, description = "The order after the change, without its client", body = OneOrder, headers(("ETag" = String, description = "Its version"))),
        (status = 400, description = "`El código solo puede contener letras, números y guiones`, `El número de orden ya existe`, `return_reason es requerido para estado devuelto`, a change of status that the flow refuses, `Cliente no encontrado`, or a body that cannot be read", body = Problem),
        (status = 404, description = "`Orden no encontrada`", body = Problem),
        (status = 412, description = "The order changed meanwhile", body = Conflict),
        (status = 408, description = "The body did not arrive in time", body = Problem),
        (status = 413, description = "The body is too large", body = Problem),
        (status = 422, description = "What is wrong with the body", body = Faults),
        (status = 503, description = "A store does not answer", body = Problem),
        (status = 504, description = "The change was not confirmed in time: look at the record, at `Location` if its number or id was given, before you repeat it", body = Problem),
    ),
)]
pub(crate) async fn update(
    State(api): State<Api>,
    By(caller): By,
    number: PathNumber,
    if_match: IfMatch,
    Payload(change): Payload<OrderChange>,
) -> Result<Response, ApiError> {
    let number = number.get()?;
    update_by(api, caller, Some(number.to_string()), number.into(), if_match, change).await
}

/// Changes the order. `location` is where it is looked at, relative to the path of the request.
pub(super) async fn update_by(
    api: Api,
    caller: Caller,
    location: Option<String>,
    key: OrderKey,
    if_match: IfMatch,
    change: OrderChange,
) -> Result<Response, ApiError> {
    let edited = api.run_to_completion(location, |api| async move {
        let expected = super::expected(&api, &key, &if_match).await;
        api.app.edit_order(&caller, key, &change, expected).await
    });
    let view = edited.await?;
    let body = OrderBody::of(&view.order, &view.next_statuses);
    let mut answer = answer::json(StatusCode::OK, &Success::new(body, &[]));
    etag::tag(&mut answer, view.order.version());
    Ok(answer)
}

impl FromFields for OrderChange {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let number = fields.optional_text(Field::OrderNumber).and_then(|number| short(fields, number));
        let client = match fields.optional_text(Field::ClientId) {
            None => ClientChoice::Keep,
            Some("") => ClientChoice::Detach,
            Some(id) => ClientChoice::Attach(id.to_owned()),
        };
        let status = fields.optional_status();
        let return_reason = reason(fields);
        Some(
            OrderChange::builder()
                .maybe_number(number)
                .client(client)
                .maybe_status(status)
                .maybe_return_reason(return_reason)
                .build(),
        )
    }
}
