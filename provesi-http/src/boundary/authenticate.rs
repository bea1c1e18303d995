//! Who sends an internal request.

use axum::extract::Request;
use provesi_core::{Actor, ActorName};

use super::refusal::Refusal;
use super::{Boundary, SOURCE, TOKEN, service};
use crate::connection;

impl Boundary {
    /// Puts the service that sends an internal request among its extensions, unless another boundary has let this very
    /// service in.
    pub(super) async fn authenticate(&self, request: &mut Request) -> Result<(), Refusal> {
        let Some(source) = request.headers().get(SOURCE) else { return Ok(()) };
        if service(request.extensions()).is_some_and(|known| known.as_str().as_bytes() == source.as_bytes()) {
            return Ok(());
        }
        let name = self.0.tokens.service(request.headers());
        let Some(name) = name.and_then(|name| ActorName::parse(name.as_str()).ok()) else {
            let address = connection::client(request.extensions());
            let service = self.0.tokens.claimed_name(request.headers());
            tracing::warn!(
                address = address.map(tracing::field::display),
                service,
                "an internal request was refused: its token does not hold"
            );
            self.0.failed.hold_back(address).await;
            return Err(Refusal::Token);
        };
        request.extensions_mut().insert(Actor::Service(name));
        // Nothing behind has a use for it.
        request.headers_mut().remove(TOKEN);
        Ok(())
    }
}
