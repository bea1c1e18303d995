//! `POST /api/orders/`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use provesi_core::{Field, Invalid, OrderDraft, OrderNumber, OrderStatus, ReturnReason, Rule};

use crate::answer::{self, Success};
use crate::api::Api;
use crate::body::Payload;
use crate::caller::By;
use crate::docs::{Faults, NewOrder, OneOrder, Problem};
use crate::error::ApiError;
use crate::etag;
use crate::fields::{Fields, FromFields};
use crate::wire::OrderBody;

/// Crea una orden.
#[utoipa::path(
    post,
    path = "/api/orders/",
    operation_id = "create_order",
    tag = "orders",
    request_body = NewOrder,
    responses(
        (status = 201, description = "The order, without its client", body = OneOrder, headers(("ETag" = String, description = "Its version"))),
        (status = 400, description = "`El código solo puede contener letras, números y guiones`, `El número de orden ya existe`, `return_reason es requerido para estado devuelto`, `Cliente no encontrado`, or a body that cannot be read", body = Problem),
        (status = 408, description = "The body did not arrive in time", body = Problem),
        (status = 413, description = "The body is too large", body = Problem),
        (status = 422, description = "What is wrong with the body", body = Faults),
        (status = 503, description = "A store does not answer", body = Problem),
        (status = 504, description = "The change was not confirmed in time: look at the record, at `Location` if its number or id was given, before you repeat it", body = Problem),
    ),
)]
pub(crate) async fn create(
    State(api): State<Api>,
    By(caller): By,
    Payload(draft): Payload<OrderDraft>,
) -> Result<Response, ApiError> {
    let location = OrderNumber::parse(&draft.number).ok().map(|number| number.to_string());
    let view =
        api.run_to_completion(location, |api| async move { api.app.create_order(&caller, &draft).await }).await?;
    let body = OrderBody::of(&view.order, &view.next_statuses);
    let mut answer = answer::json(StatusCode::CREATED, &Success::new(body, &[]));
    etag::tag(&mut answer, view.order.version());
    Ok(answer)
}

impl FromFields for OrderDraft {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let number = fields.required(Field::OrderNumber).and_then(|number| short(fields, number));
        let client_id = fields.optional_text(Field::ClientId).filter(|id| !id.is_empty()).map(str::to_owned);
        let status = fields.optional_status().unwrap_or(OrderStatus::Received);
        let return_reason = reason(fields);
        Some(
            OrderDraft::builder()
                .number(number?)
                .maybe_client_id(client_id)
                .status(status)
                .maybe_return_reason(return_reason)
                .build(),
        )
    }
}

/// A number that is not too long. Its characters are the use case's to check: that is a 400, told after every 422.
pub(super) fn short(fields: &mut Fields<'_>, number: &str) -> Option<String> {
    match OrderNumber::parse(number) {
        Err(invalid @ Invalid { rule: Rule::TooLong { .. }, .. }) => {
            fields.refuse(Field::OrderNumber, number, invalid);
            None
        }
        _ => Some(number.to_owned()),
    }
}

/// The reason as it came, if it can be one. A blank one is the use case's to judge.
pub(super) fn reason(fields: &mut Fields<'_>) -> Option<String> {
    let text = fields.optional_text(Field::ReturnReason)?;
    if let Err(invalid) = ReturnReason::parse_optional(text) {
        fields.refuse(Field::ReturnReason, text, invalid);
    }
    Some(text.to_owned())
}
