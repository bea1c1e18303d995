//! What every request goes through, in this order:
//!
//! 1. [`request_id`]: gives the request its id, and the answer too.
//! 2. [`request_log`]: one line per request, and the span in which everything below logs.
//! 3. `nosniff`: browsers take answers for what they say they are.
//! 4. [`cors`]: outside of what may answer with an error, so that web pages can read errors.
//! 5. compression, which is not to refuse anybody: [`accept_encoding`].
//! 6. [`panics`]: a handler that panics is a 500, not a connection that breaks.
//! 7. [`timeout`]: inside of the above, since dropping a handler must not drop its log line.
//! 8. [`body_limit`]: the innermost, since it wraps the body for whoever reads it.

mod accept_encoding;
mod body_limit;
mod cors;
mod panics;
mod request_id;
mod request_log;
mod timeout;

pub(crate) use request_id::{REQUEST_ID, RequestId};

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::middleware::{from_fn, from_fn_with_state};
use tower_http::compression::CompressionLayer;
use tower_http::set_header::SetResponseHeaderLayer;

use crate::HttpOptions;

/// Puts the routes that are there so far behind the layers.
pub(crate) fn apply(routes: Router, options: &HttpOptions) -> Router {
    let nosniff =
        SetResponseHeaderLayer::overriding(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    let routes = routes
        .layer(from_fn_with_state(options.body_limit, body_limit::limit))
        .layer(from_fn_with_state(options.timeout, timeout::cut))
        .layer(from_fn(panics::catch));
    // Only where it is wanted: what a layer costs is paid by every request.
    let routes = if options.compression {
        routes.layer(CompressionLayer::new()).layer(from_fn(accept_encoding::allow_identity))
    } else {
        routes
    };
    routes
        .layer(cors::layer(&options.cors))
        .layer(nosniff)
        .layer(from_fn(request_log::log))
        .layer(from_fn(request_id::set))
}
