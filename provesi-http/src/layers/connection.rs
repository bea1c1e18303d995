//! Reads where a request comes from, which host it is for and which person asks, before anything looks at it.

use axum::extract::Request;
use axum::http::HeaderName;
use axum::response::Response;
use provesi_core::Actor;

use super::{EarlyRefusal, user};
use crate::HttpOptions;
use crate::connection::ConnectionInfo;
use crate::failure::Failure;
use crate::hosts::{AllowedHosts, TrustedProxies};

/// By what requests are read.
#[derive(Debug)]
pub(crate) struct Rules {
    hosts: AllowedHosts,
    proxies: TrustedProxies,
    user_header: Option<HeaderName>,
    refusal: EarlyRefusal,
}

impl Rules {
    pub(crate) fn new(options: &HttpOptions) -> Self {
        Self {
            hosts: options.hosts.clone(),
            proxies: options.trusted_proxies.clone(),
            user_header: options.user_header.clone(),
            refusal: EarlyRefusal::new(options),
        }
    }
}

impl Rules {
    /// Puts [`ConnectionInfo`] and, where the user header counts, [`Actor::User`] into the extensions of the request.
    ///
    /// # Errors
    /// The answer to a request that is unclear about its host or its user.
    #[expect(clippy::result_large_err, reason = "the caller returns it at once")]
    pub(super) fn read(&self, request: &mut Request) -> Result<(), Response> {
        let Ok(connection) = ConnectionInfo::read(request, &self.hosts, &self.proxies) else {
            return Err(self.refusal.answer(request, Failure::BadHost));
        };
        if let Some(header) = &self.user_header
            && request.headers().contains_key(header)
        {
            if connection.may_name_users {
                match user::read(request.headers(), header) {
                    Ok(name) => request.extensions_mut().insert(Actor::User(name)),
                    Err(fault) => return Err(self.refusal.answer(request, Failure::UserHeader(fault))),
                };
            } else {
                let address = connection.address.map(tracing::field::display);
                tracing::warn!(address, "the user header is ignored: the peer is not a trusted proxy");
            }
        }
        request.extensions_mut().insert(connection);
        Ok(())
    }
}
