//! What every request goes through, in this order:
//!
//! 1. [`request_id`] and [`request_log`]: the request gets its id, one log line, and the span in which everything below logs.
//! 2. `nosniff`, and `no-store` on every answer that does not say otherwise: what is personal stays in no cache.
//! 3. [`connection`]: the host, the address, and, where there is a header for it, the [`user`]. Before the boundary, whose
//!    services are who they prove to be. A request without a clear host is refused here.
//! 4. Compression, which is not to refuse anybody: [`accept_encoding`].
//! 5. [`boundary`](crate::boundary): other services. Inside of the compression, since what is encrypted must not have been
//!    compressed before; outside of the rest, so that a body that came encrypted is to the rest as if it had come in clear.
//! 6. [`known_host`]: refuses other hosts. Inside of the boundary, because services are exempt.
//! 7. [`cors`], the API alone: outside of what may answer with an error, so that web pages can read errors. The pages have
//!    their headers and their session here instead, see [`dress`](crate::pages).
//! 8. [`cross_site`], the API alone: writes that a web page of another site makes a browser send.
//! 9. [`panics`]: a handler that panics is a 500, not a connection that breaks.
//! 10. [`timeout`]: inside of the above, since dropping a handler must not drop its log line.
//! 11. [`body_limit`]: the innermost, since it wraps the body for whoever reads it.

mod accept_encoding;
mod body_limit;
mod connection;
mod cors;
mod cross_site;
mod known_host;
mod panics;
mod request_id;
mod request_log;
mod timeout;
mod user;

pub(crate) use request_id::{REQUEST_ID, RequestId};
pub(crate) use timeout::WriteProgress;
pub(crate) use user::UserHeaderFault;

use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use tower_http::compression::CompressionLayer;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::error::ApiError;
use crate::{HttpOptions, pages};

/// How a layer's refusal is answered: as JSON for programs, as a page for people.
pub(crate) type Refuse = fn(ApiError) -> Response;

/// Refuses a request before it is known whether its path is of the API or of the pages.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EarlyRefusal {
    has_pages: bool,
}

impl EarlyRefusal {
    fn new(options: &HttpOptions) -> Self {
        Self { has_pages: options.pages.is_some() }
    }

    /// As JSON below `/api` and where there are no pages, else as a page that needs nothing else of this server.
    fn answer(self, request: &Request, error: ApiError) -> Response {
        let path = request.uri().path();
        let is_json = path == "/api" || path == "/openapi.json" || path.contains("/api/");
        if is_json || !self.has_pages { error.into_response() } else { pages::refuse_early(error) }
    }
}

/// Puts the routes that are there so far behind the layers that may refuse, 9 to 11.
pub(crate) fn guard<S: Clone + Send + Sync + 'static>(
    routes: Router<S>,
    options: &HttpOptions,
    refuse: Refuse,
) -> Router<S> {
    routes
        .layer(from_fn_with_state((options.body_limit, refuse), body_limit::limit))
        .layer(from_fn_with_state((options.timeout, refuse), timeout::cut))
        .layer(from_fn_with_state(refuse, panics::catch))
}

/// Puts the routes of the API behind the layers that only they have, 7 and 8.
pub(crate) fn share<S: Clone + Send + Sync + 'static>(routes: Router<S>, options: &HttpOptions) -> Router<S> {
    // As one, since what each layer of a router costs is paid by every request.
    routes.layer((cors::layer(&options.cors), cross_site::layer(&options.cors)))
}

/// Puts the routes that are there so far behind the layers that all have, 1 to 6.
pub(crate) fn apply(routes: Router, options: &HttpOptions) -> Router {
    let nosniff =
        SetResponseHeaderLayer::overriding(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let no_store = SetResponseHeaderLayer::if_not_present(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let boundary = options.boundary.clone().with_body_limit(options.body_limit).with_timeout(options.timeout);
    let known_host = known_host::layer(options);
    // As one, since what each layer of a router costs is paid by every request.
    let routes = if options.compression {
        routes.layer((from_fn(accept_encoding::allow_identity), CompressionLayer::new(), boundary, known_host))
    } else {
        routes.layer((boundary, known_host))
    };
    let connection = from_fn_with_state(Arc::new(connection::Rules::new(options)), connection::read);
    routes.layer((from_fn(request_log::log), nosniff, no_store, connection))
}
