//! What other services ask in batches: behind their token, and with keys as secure messages alone, both ways.
//!
//! An answer names all that was asked: an answer to another question, put in its place on the way, is found out.

mod lookup;
mod search;

use std::str::FromStr;

use axum::Router;
use axum::body::{Bytes, to_bytes};
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use provesi_core::{AppError, Client, ClientRow, PageLimit, PageRequest, StoreError, Stored};
use serde::de::DeserializeOwned;

use crate::api::Api;
use crate::body::unread;
use crate::boundary::{require_any_service, require_encrypted, require_encrypted_response};
use crate::error::{self, ApiError};
use crate::failure::Failure;
use crate::{answer, layers};

/// The most ids that a question may hold.
pub(crate) const MOST: usize = 1_000;

pub(crate) const LOOKUP: &str = "/clients/api/v1/lookup/";
pub(crate) const SEARCH: &str = "/clients/api/v1/search/";

/// The routes, which pages or not are there.
pub(crate) fn routes(api: &Api) -> Router {
    let routes = Router::new().route(LOOKUP, post(lookup::lookup)).route(SEARCH, post(search::search));
    let mut routes = routes.method_not_allowed_fallback(async || ApiError::from(Failure::NoMethod));
    if api.options.boundary.has_keys() {
        routes = routes.route_layer(require_encrypted()).route_layer(require_encrypted_response());
    }
    // Not around the paths that there are not, which are others' as well.
    let routes = layers::guard(routes.route_layer(require_any_service()), &api.options, IntoResponse::into_response);
    routes.with_state(api.clone())
}

/// A question that may be asked.
#[derive(Debug)]
struct Asked<T>(T);

trait Question: DeserializeOwned {
    /// Whether it asks for no more than it may.
    fn is_modest(&self) -> bool;
}

impl<T: Question, S: Send + Sync> FromRequest<S> for Asked<T> {
    type Rejection = Unanswered;

    async fn from_request(request: Request, _: &S) -> Result<Self, Unanswered> {
        // The limit is the body limit layer's.
        let bytes: Bytes =
            to_bytes(request.into_body(), usize::MAX).await.map_err(|error| Unanswered::Body(unread(error)))?;
        let asked: Option<T> = serde_json::from_slice(&bytes).ok();
        asked.filter(Question::is_modest).map(Self).ok_or(Unanswered::Question)
    }
}

/// Whether a client fits into an answer with those beside it. One that another program wrote against the rules may have
/// texts of any length.
fn fits(client: &Stored<Client>) -> bool {
    const MAX_BYTES: usize = 8_192;
    let ClientRow { name, email, phone, address, .. } = &client.row;
    let optional = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    name.len() + email.len() + optional(phone) + optional(address) <= MAX_BYTES
}

/// Which page is asked for.
fn page<C: FromStr<Err = StoreError>>(limit: u32, cursor: Option<&str>) -> Result<PageRequest<C>, Unanswered> {
    let limit = PageLimit::new(limit).map_err(|_| Unanswered::Question)?;
    let after = cursor.map(str::parse).transpose().map_err(|_| Unanswered::Question)?;
    Ok(PageRequest { limit, after })
}

/// Why a question has no answer.
#[derive(Debug)]
enum Unanswered {
    /// It is none, or asks for too many.
    Question,
    /// It could not be read.
    Body(ApiError),
    /// A store failed.
    App(AppError),
}

impl IntoResponse for Unanswered {
    fn into_response(self) -> Response {
        let (status, error) = match self {
            Self::Question => {
                (StatusCode::UNPROCESSABLE_ENTITY, "No es una pregunta de este servicio, o pide demasiado")
            }
            Self::Body(error) => return error.into_response(),
            Self::App(AppError::Clients(StoreError::InvalidCursor)) => (StatusCode::BAD_REQUEST, "Cursor inválido"),
            Self::App(error) => {
                error::log(&error);
                if error.is_transient() {
                    (StatusCode::SERVICE_UNAVAILABLE, "Servicio no disponible, intente de nuevo en un momento")
                } else {
                    (StatusCode::INTERNAL_SERVER_ERROR, "Error interno del servidor")
                }
            }
        };
        answer::refused(status, error, "1")
    }
}
