//! `POST /api/clients/`.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use provesi_core::{Address, ClientDraft, ClientName, Email, Field, Phone, Stored};

use crate::answer::{self, Success};
use crate::api::Api;
use crate::body::Payload;
use crate::caller::By;
use crate::docs::{Faults, NewClient, OneClient, Problem};
use crate::error::ApiError;
use crate::etag;
use crate::fields::{Fields, FromFields};
use crate::wire::ClientBody;

/// Crea un cliente.
#[utoipa::path(
    post,
    path = "/api/clients/",
    operation_id = "create_client",
    tag = "clients",
    request_body = NewClient,
    responses(
        (status = 201, description = "The client", body = OneClient, headers(("ETag" = String, description = "Its version"))),
        (status = 400, description = "`El email ya existe`, or a body that cannot be read", body = Problem),
        (status = 408, description = "The body did not arrive in time", body = Problem),
        (status = 413, description = "The body is too large", body = Problem),
        (status = 422, description = "What is wrong with the body", body = Faults),
        (status = 503, description = "The store of clients does not answer", body = Problem),
        (status = 504, description = "The change was not confirmed in time: look at the record, at `Location` if its number or id was given, before you repeat it", body = Problem),
    ),
)]
pub(crate) async fn create(
    State(api): State<Api>,
    By(caller): By,
    Payload(draft): Payload<ClientDraft>,
) -> Result<Response, ApiError> {
    let client = api.run_to_completion(None, |api| async move { api.app.create_client(&caller, draft).await }).await?;
    let client = Stored::from(client);
    let mut answer = answer::json(StatusCode::CREATED, &Success::new(ClientBody::of(&client), &[]));
    etag::tag(&mut answer, client.version());
    Ok(answer)
}

impl FromFields for ClientDraft {
    fn read(fields: &mut Fields<'_>) -> Option<Self> {
        let name = fields.required_as(Field::Name, ClientName::parse);
        let email = fields.required_as(Field::Email, Email::parse);
        let phone = fields.optional_as(Field::Phone, Phone::parse_optional).flatten();
        let address = fields.optional_as(Field::Address, Address::parse_optional).flatten();
        Some(ClientDraft::builder().name(name?).email(email?).maybe_phone(phone).maybe_address(address).build())
    }
}
