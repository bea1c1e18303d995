//! Who sends an internal request.

use axum::extract::Request;
use axum::response::Response;
use provesi_core::{Actor, ActorName};
use tower::Service;

use super::refusal::Refusal;
use super::step::Check;
use super::{Boundary, SOURCE, TOKEN, service};
use crate::connection;

/// See [`Boundary::authenticate`].
#[derive(Clone, Debug)]
pub struct Authenticate(Boundary);

impl Authenticate {
    pub(super) const fn new(boundary: Boundary) -> Self {
        Self(boundary)
    }
}

impl Check for Authenticate {
    /// Internal requests are, unless another boundary has let this very service in.
    fn concerns(&self, request: &Request) -> bool {
        let Some(source) = request.headers().get(SOURCE) else { return false };
        let known = service(request.extensions());
        known.is_none_or(|known| known.as_str().as_bytes() != source.as_bytes())
    }

    async fn pass<S>(self, mut request: Request, mut inner: S) -> Result<Response, S::Error>
    where
        S: Service<Request, Response = Response> + Send + 'static,
        S::Error: Send,
        S::Future: Send,
    {
        let name = self.0.0.tokens.service(request.headers());
        let Some(name) = name.and_then(|name| ActorName::parse(name.as_str()).ok()) else {
            let address = connection::client(request.extensions());
            let service = self.0.0.tokens.claimed_name(request.headers());
            tracing::warn!(
                address = address.map(tracing::field::display),
                service,
                "an internal request was refused: its token does not hold"
            );
            self.0.0.failed.hold_back(address).await;
            return Ok(Refusal::Token.answer());
        };
        request.extensions_mut().insert(Actor::Service(name));
        // Nothing behind has a use for it.
        request.headers_mut().remove(TOKEN);
        inner.call(request).await
    }
}
