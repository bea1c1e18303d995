//! What paths hold: a client's id, an order's number. Nothing here answers with a text of axum's.

use axum::extract::{FromRequestParts, RawPathParams};
use axum::http::request::Parts;
use provesi_core::{ClientId, OrderId, OrderKey, OrderNumber};

use crate::error::ApiError;
use crate::failure::Failure;

/// What a segment of a path holds, if it holds one. Looked at by [`get`](Self::get), since a fault of the body comes first.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment<T>(Option<T>);

pub(crate) type PathClient = Segment<ClientId>;
pub(crate) type PathNumber = Segment<OrderNumber>;
pub(crate) type PathOrderId = Segment<OrderId>;
/// What a path of a page holds of an order: its number, or [`ID`] and its id where the number cannot be asked for.
pub(crate) type PathOrder = Segment<OrderKey>;

/// What comes before an id in the paths of pages. No number holds a colon.
pub(crate) const ID: &str = "id:";

/// What a segment of a path can hold.
pub(crate) trait InPath: Sized {
    /// The name of the parameter.
    const NAME: &str;
    /// What a path is answered that holds none.
    const MISSING: ApiError;

    fn parse(text: &str) -> Option<Self>;
}

impl InPath for ClientId {
    const NAME: &str = "id";
    const MISSING: ApiError = ApiError::ClientId;

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl InPath for OrderNumber {
    const NAME: &str = "number";
    const MISSING: ApiError = ApiError::OrderNumber;

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

impl InPath for OrderId {
    const NAME: &str = "id";
    const MISSING: ApiError = ApiError::OrderNumber;

    /// An id as we show it.
    fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self::new).filter(|id| id.to_string() == text)
    }
}

impl InPath for OrderKey {
    const NAME: &str = "number";
    const MISSING: ApiError = ApiError::OrderNumber;

    fn parse(text: &str) -> Option<Self> {
        match text.strip_prefix(ID) {
            Some(id) => InPath::parse(id).map(Self::Id),
            None => InPath::parse(text).map(Self::Number),
        }
    }
}

impl<T: InPath> Segment<T> {
    pub(crate) fn get(self) -> Result<T, ApiError> {
        self.0.ok_or(T::MISSING)
    }
}

impl<T: InPath, S: Send + Sync> FromRequestParts<S> for Segment<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        Ok(Self(segment(parts, state, T::NAME).await?.as_deref().and_then(T::parse)))
    }
}

/// A segment of the path, decoded; `None` where it is not UTF-8. The Python system decodes before it routes, so a
/// slash that hides in a segment makes two of it, and there is no such path.
async fn segment<S: Send + Sync>(parts: &mut Parts, state: &S, key: &str) -> Result<Option<String>, ApiError> {
    let Ok(params) = RawPathParams::from_request_parts(parts, state).await else { return Ok(None) };
    match params.iter().find(|(name, _)| *name == key) {
        Some((_, text)) if text.contains('/') => Err(Failure::NoRoute.into()),
        Some((_, text)) => Ok(Some(text.to_owned())),
        // A static path that is an order's number as well, see the table of routes; its history may follow.
        None => {
            let path = parts.uri.path();
            Ok(path.strip_suffix("/history").unwrap_or(path).rsplit('/').next().map(str::to_owned))
        }
    }
}
