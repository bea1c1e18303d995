//! Answers only to hosts that are known, so that a web page whose domain is pointed at this server (DNS rebinding) reads and
//! changes nothing.

use axum::body::Body;
use tower_http::validate_request::{ValidateRequest, ValidateRequestHeaderLayer};

use super::EarlyRefusal;
use crate::connection::ConnectionInfo;
use crate::failure::Failure;
use crate::{HttpOptions, boundary, health};

/// Refuses requests for other hosts, unless they are for a health check or of a service that proved who it is: no web page
/// has a token.
pub(crate) fn layer(
    options: &HttpOptions,
) -> ValidateRequestHeaderLayer<impl ValidateRequest<Body, ResponseBody = Body> + Clone + Send + Sync + 'static> {
    let refusal = EarlyRefusal::new(options);
    boundary::refuse_if(move |request| {
        let connection = request.extensions().get::<ConnectionInfo>();
        let is_answered = connection.is_some_and(|connection| connection.is_known_host)
            || boundary::service(request.extensions()).is_some()
            || health::is_health_path(request.uri().path());
        if is_answered {
            return None;
        }
        let host = connection.map(ConnectionInfo::host);
        tracing::warn!(host, "the host is not known; where it is this server's, add it to the allowed hosts (--hosts)");
        Some(refusal.answer(request, Failure::UnknownHost))
    })
}
