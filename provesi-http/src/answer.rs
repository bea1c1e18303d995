//! The success envelope, and how a JSON answer is made.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

/// The type of every JSON answer.
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// `{"status": "success", "data": …}`.
#[derive(Debug, Serialize)]
pub(crate) struct Success<T> {
    status: &'static str,
    pub(crate) data: T,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    warnings: &'static [Warning],
}

/// Something that an answer lacks, and why.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Warning {
    /// Clients could not be read: `client` is `null`.
    ClientsUnavailable,
    /// Orders could not be read or detached: `orders` or `orders_count` is `null`.
    OrdersUnavailable,
    /// The search took too long and stopped before the page was full: `next_cursor` looks on from there.
    SearchStoppedEarly,
}

impl Warning {
    /// The warning alone, where there is reason for it.
    pub(crate) const fn only(self, given: bool) -> &'static [Self] {
        match (self, given) {
            (_, false) => &[],
            (Self::ClientsUnavailable, true) => &[Self::ClientsUnavailable],
            (Self::OrdersUnavailable, true) => &[Self::OrdersUnavailable],
            (Self::SearchStoppedEarly, true) => &[Self::SearchStoppedEarly],
        }
    }
}

impl<T> Success<T> {
    pub(crate) const fn new(data: T, warnings: &'static [Warning]) -> Self {
        Self { status: "success", data, warnings }
    }
}

/// A delete was done.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Deleted)]
pub(crate) struct Done {
    #[schema(example = "success")]
    status: &'static str,
    #[schema(example = "Cliente eliminado")]
    message: &'static str,
    /// What could not be done because a store did not answer; left out where nothing is left to do.
    #[schema(value_type = Vec<Warning>, required = false)]
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    warnings: &'static [Warning],
}

impl Done {
    pub(crate) const fn new(message: &'static str, warnings: &'static [Warning]) -> Self {
        Self { status: "success", message, warnings }
    }
}

/// A page of a list, with the place where the next one starts.
#[derive(Debug, Serialize)]
pub(crate) struct Paged<T, C> {
    status: &'static str,
    data: T,
    next_cursor: Option<C>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    warnings: Vec<Warning>,
}

impl<T, C> Paged<T, C> {
    pub(crate) const fn new(data: T, next_cursor: Option<C>, warnings: Vec<Warning>) -> Self {
        Self { status: "success", data, next_cursor, warnings }
    }
}

/// A JSON answer.
pub(crate) fn json(status: StatusCode, body: &impl Serialize) -> Response {
    match serde_json::to_vec(body) {
        Ok(bytes) => (status, [(header::CONTENT_TYPE, JSON)], Body::from(bytes)).into_response(),
        // Wire types are plain structs with text keys, which serde_json cannot fail to write.
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// `{"error": …}`, as other services read it. 503 says after how many seconds to try again.
pub(crate) fn refused(status: StatusCode, error: &'static str, retry_after: &'static str) -> Response {
    #[derive(Serialize)]
    struct Refused {
        error: &'static str,
    }
    let mut answer = json(status, &Refused { error });
    if status == StatusCode::SERVICE_UNAVAILABLE {
        answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static(retry_after));
    }
    answer
}
