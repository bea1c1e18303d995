//! What paths hold: a client's id, an order's number. Nothing here answers with a text of axum's.

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use provesi_core::{ClientId, OrderId, OrderKey, OrderNumber};

use crate::error::ApiError;

/// A client's id, if the path holds one. Looked at by [`get`](Self::get), since a fault of the body comes first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PathClient(Option<ClientId>);

impl PathClient {
    pub(crate) fn get(self) -> Result<ClientId, ApiError> {
        self.0.ok_or(ApiError::ClientId)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PathClient {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        Ok(Self(segment(parts, state, "id").await?.and_then(|id| id.parse().ok())))
    }
}

/// An order's number, if the path holds one. Looked at by [`get`](Self::get), since a fault of the body comes first.
#[derive(Clone, Debug)]
pub(crate) struct PathNumber(Option<OrderNumber>);

impl PathNumber {
    pub(crate) fn get(self) -> Result<OrderNumber, ApiError> {
        self.0.ok_or(ApiError::OrderNumber)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PathNumber {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        Ok(Self(segment(parts, state, "number").await?.and_then(|number| number.parse().ok())))
    }
}

/// An order's id, if the path holds one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PathOrderId(Option<OrderId>);

impl PathOrderId {
    pub(crate) fn get(self) -> Result<OrderId, ApiError> {
        self.0.ok_or(ApiError::OrderNumber)
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PathOrderId {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        Ok(Self(segment(parts, state, "id").await?.and_then(|id| order_id(&id))))
    }
}

/// An id as we show it.
fn order_id(text: &str) -> Option<OrderId> {
    text.parse().ok().map(OrderId::new).filter(|id| id.to_string() == text)
}

/// What a path of a page holds of an order: its number, or [`ID`] and its id where the number cannot be asked for.
#[derive(Clone, Debug)]
pub(crate) struct PathOrder(Option<OrderKey>);

/// What comes before an id in the paths of pages. No number holds a colon.
pub(crate) const ID: &str = "id:";

impl PathOrder {
    pub(crate) fn get(self) -> Option<OrderKey> {
        self.0
    }
}

impl<S: Send + Sync> FromRequestParts<S> for PathOrder {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let key = |text: String| match text.strip_prefix(ID) {
            Some(id) => order_id(id).map(OrderKey::Id),
            None => text.parse().ok().map(OrderKey::Number),
        };
        Ok(Self(segment(parts, state, "number").await?.and_then(key)))
    }
}

/// A segment of the path, decoded; `None` where it is not UTF-8. The Python system decodes before it routes, so a
/// slash that hides in a segment makes two of it, and there is no such path.
async fn segment<S: Send + Sync>(parts: &mut Parts, state: &S, key: &str) -> Result<Option<String>, ApiError> {
    let Ok(params) = RawPathParams::from_request_parts(parts, state).await else { return Ok(None) };
    match params.iter().find(|(name, _)| *name == key) {
        Some((_, text)) if text.contains('/') => Err(ApiError::NoRoute),
        Some((_, text)) => Ok(Some(text.to_owned())),
        // A static path that is an order's number as well, see the table of routes; its history may follow.
        None => {
            let path = parts.uri.path();
            Ok(path.strip_suffix("/history").unwrap_or(path).rsplit('/').next().map(str::to_owned))
        }
    }
}
