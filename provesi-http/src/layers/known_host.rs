//! Answers only to hosts that are known, so that a web page whose domain is pointed at this server (DNS rebinding) reads and
//! changes nothing.

use axum::extract::Request;
use axum::response::Response;
use tower::Service;

use super::EarlyRefusal;
use crate::boundary::{self, Check, Step};
use crate::connection::ConnectionInfo;
use crate::error::ApiError;
use crate::{HttpOptions, health};

/// Refuses requests for other hosts, unless they are for a health check or of a service that proved who it is: no web page
/// has a token.
pub(crate) fn layer(options: &HttpOptions) -> Step<KnownHost> {
    Step::new(KnownHost(EarlyRefusal::new(options)))
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct KnownHost(EarlyRefusal);

fn connection(request: &Request) -> Option<&ConnectionInfo> {
    request.extensions().get()
}

impl Check for KnownHost {
    fn concerns(&self, request: &Request) -> bool {
        !connection(request).is_some_and(|connection| connection.is_known_host)
            && boundary::service(request.extensions()).is_none()
            && !health::is_health_path(request.uri().path())
    }

    async fn pass<S>(self, request: Request, _: S) -> Result<Response, S::Error>
    where
        S: Service<Request, Response = Response> + Send + 'static,
        S::Error: Send,
        S::Future: Send,
    {
        let host = connection(&request).map(ConnectionInfo::host);
        tracing::warn!(host, "the host is not known; where it is this server's, add it to the allowed hosts (--hosts)");
        Ok(self.0.answer(&request, ApiError::UnknownHost))
    }
}
