//! `PUT /api/clients/{id}`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use provesi_core::{Address, ClientChange, ClientName, Email, Field, Phone, Stored};

use crate::answer::{self, Success};
use crate::api::Api;
use crate::body::Payload;
use crate::caller::By;
use crate::docs::{ClientEdit, Conflict, Faults, OneClient, Problem};
use crate::error::ApiError;
use crate::etag::{self, IfMatch};
use crate::fields::{Fields, FromFields};
use crate::path::PathClient;
use crate::wire::ClientBody;

/// Cambia los datos dados de un cliente.
///
/// What is left out or `null` stays; an empty `phone` or `address` clears it.
#[utoipa::path(
    put,
    path = "/api/clients/{id}",
    operation_id = "update_client",
    tag = "clients",
    params(
        ("id" = String, Path, description = "The client's id: 24 hexadecimal digits"),
        ("If-Match" = Option<String>, Header, description = "Only if the client is in this version: the `ETag` it was read with"),
    ),
    request_body = ClientEdit,
    responses(
        (status = 200, description = "The client after the change", body = OneClient, headers(("ETag" = String, description = "Its version"))),
        (status = 400, description = "`ID de cliente inválido`, `El email ya existe`, or a body that cannot be read", body = Problem),
        (status = 404, description = "`Cliente no encontrado`", body = Problem),
        (status = 412, description = "The client changed meanwhile", body = Conflict),
        (status = 408, description = "The body did not arrive in time", body = Problem),
        (status = 413, description = "The body is too large", body = Problem),
        (status = 422, description = "What is wrong with the body", body = Faults),
        (status = 503, description = "The store of clients does not answer", body = Problem),
        (status = 504, description = "The change was not confirmed in time: look at the record, at `Location` if its number or id was given, before you repeat it", body = Problem),
    ),
)]
pub(crate) async fn update(
    State(api): State<Api>,
    By(caller): By,
    id: PathClient,
    if_match: IfMatch,
    Payload(change): Payload<ClientChange>,
) -> Result<Response, ApiError> {
    let id = id.get()?;
    let edited = api.run_to_completion(Some(id.to_string()), |api| async move {
        let expected = super::expected(&api, id, &if_match).await;
        api.edit_client(&caller, id, &change, expected).await
    });
    let client = Stored::from(edited.await?);
    let mut answer = answer::json(StatusCode::OK, &Success::new(ClientBody::of(&client), &[]));
    etag::tag(&mut answer, client.version());
    Ok(answer)
}

impl FromFields for ClientChange {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        Some(
            ClientChange::builder()
                .maybe_name(fields.optional_as(Field::Name, ClientName::parse))
                .maybe_email(fields.optional_as(Field::Email, Email::parse))
                .maybe_phone(fields.optional_as(Field::Phone, Phone::parse_optional))
                .maybe_address(fields.optional_as(Field::Address, Address::parse_optional))
                .build(),
        )
    }
}
