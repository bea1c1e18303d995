//! Pages of clients.

pub(crate) mod create;
pub(crate) mod delete;
pub(crate) mod detail;
pub(crate) mod edit;
mod form;
pub(crate) mod list;
pub(crate) mod search;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::response::Response;
use provesi_core::ClientId;

use super::flash::Message;
use super::once::Landing;
use super::visit::Visit;
use super::words;
use crate::path::PathClient;

/// The client that a path names.
pub(crate) struct Named(pub(crate) ClientId);

/// A path that names none leads to the list.
impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        use axum::response::IntoResponse;
        let visit = Visit::from_request_parts(parts, state).await.map_err(IntoResponse::into_response)?;
        let id = PathClient::from_request_parts(parts, state).await.and_then(PathClient::get);
        id.map(Self).map_err(|_| to_list(&visit, Message::refused(words::CLIENT_ID)))
    }
}

/// Leads to the list, with a message.
fn to_list(visit: &Visit, message: Message) -> Response {
    visit.land(Landing { to: "/clients/".into(), message })
}

fn not_found(visit: &Visit) -> Response {
    to_list(visit, Message::refused(words::CLIENT_NOT_FOUND))
}
