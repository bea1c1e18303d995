//! Who calls, from where, in which request: what the use cases are told.

use std::convert::Infallible;
use std::net::SocketAddr;

use axum::extract::{ConnectInfo, FromRequestParts};
use axum::http::request::Parts;
use provesi_core::{Actor, Caller};

use crate::layers::RequestId;

/// The caller of a request: who the [`Actor`] in the request's extensions says, which whoever knows callers puts there
/// before; else nobody in particular. From the address that the embedder's server provides
/// ([`axum::Router::into_make_service_with_connect_info`]).
#[derive(Clone, Debug)]
pub(crate) struct By(pub(crate) Caller);

impl<S: Send + Sync> FromRequestParts<S> for By {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let address = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let request_id = parts.extensions.get::<RequestId>();
        Ok(Self(Caller {
            actor: parts.extensions.get::<Actor>().cloned().unwrap_or_default(),
            address: address.map(|ConnectInfo(address)| address.ip().to_canonical()),
            request_id: request_id.map(|id| id.as_str().into()),
        }))
    }
}
