//! What every request goes through, in this order:
//!
//! 1. [`request_id`]: gives the request its id, and the answer too.
//! 2. [`request_log`]: one line per request, and the span in which everything below logs.
//! 3. `nosniff`: browsers take answers for what they say they are.
//! 4. [`user`], where there is a header for it: before the boundary, whose services are who they prove to be. Then
//!    compression, which is not to refuse anybody: [`accept_encoding`].
//! 5. [`boundary`](crate::boundary): other services. Inside of the compression, since what is encrypted must not have been
//!    compressed before; outside of the rest, so that a body that came encrypted is to the rest as if it had come in clear.
//! 6. [`cors`], the API alone: outside of what may answer with an error, so that web pages can read errors. The pages have
//!    their headers and their session here instead, see [`dress`](crate::pages).
//! 7. [`cross_site`], the API alone: writes that a web page of another site makes a browser send.
//! 8. [`panics`]: a handler that panics is a 500, not a connection that breaks.
//! 9. [`timeout`]: inside of the above, since dropping a handler must not drop its log line.
//! 10. [`body_limit`]: the innermost, since it wraps the body for whoever reads it.

mod accept_encoding;
mod body_limit;
mod cors;
mod cross_site;
mod panics;
mod request_id;
mod request_log;
mod timeout;
mod user;

pub(crate) use request_id::{REQUEST_ID, RequestId};

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::Response;
use tower_http::compression::CompressionLayer;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::HttpOptions;
use crate::error::ApiError;

/// How a layer's refusal is answered: as JSON for programs, as a page for people.
pub(crate) type Refuse = fn(ApiError) -> Response;

/// Puts the routes that are there so far behind the layers that may refuse, 8 to 10.
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

/// Puts the routes of the API behind the layers that only they have, 6 and 7.
pub(crate) fn share<S: Clone + Send + Sync + 'static>(routes: Router<S>, options: &HttpOptions) -> Router<S> {
    // As one, since what each layer of a router costs is paid by every request.
    routes.layer((cors::layer(&options.cors), cross_site::layer(&options.cors)))
}

/// Puts the routes that are there so far behind the layers that all have, 1 to 5.
pub(crate) fn apply(routes: Router, options: &HttpOptions) -> Router {
    let nosniff =
        SetResponseHeaderLayer::overriding(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let boundary = options.boundary.clone().with_body_limit(options.body_limit).with_timeout(options.timeout);
    let routes = if options.compression {
        routes.layer((from_fn(accept_encoding::allow_identity), CompressionLayer::new(), boundary))
    } else {
        routes.layer(boundary)
    };
    let routes = match &options.user_header {
        Some(header) => routes.layer(from_fn_with_state(header.clone(), user::take)),
        None => routes,
    };
    routes.layer(nosniff).layer(from_fn(request_log::log)).layer(from_fn(request_id::set))
}
