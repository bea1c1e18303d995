//! Who calls, from where, in which request: what the use cases are told.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use provesi_core::{Actor, Caller, IdempotencyKey};

use crate::connection;
use crate::layers::RequestId;

/// The caller of a request: who the [`Actor`] in the request's extensions says, which whoever knows callers puts there
/// before; else nobody in particular. The address is that of the client, see
/// [`ConnectionInfo`](crate::connection::ConnectionInfo).
#[derive(Clone, Debug)]
pub(crate) struct By(pub(crate) Caller);

impl<S: Send + Sync> FromRequestParts<S> for By {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let request_id = parts.extensions.get::<RequestId>();
        Ok(Self(Caller {
            actor: parts.extensions.get::<Actor>().cloned().unwrap_or_default(),
            address: connection::client(&parts.extensions),
            request_id: request_id.map(|id| id.as_str().into()),
            idempotency_key: parts.extensions.get::<IdempotencyKey>().copied(),
        }))
    }
}
