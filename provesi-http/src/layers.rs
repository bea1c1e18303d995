//! What every request goes through. The README has the order and its reasons; the numbers below are those of its list.

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

use crate::HttpOptions;
use crate::error::ApiError;
use crate::failure::Failure;
use crate::pages;

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
    fn answer(self, request: &Request, failure: Failure) -> Response {
        let path = request.uri().path();
        let is_json = path == "/api" || path == "/openapi.json" || path.contains("/api/");
        if is_json || !self.has_pages { ApiError::from(failure).into_response() } else { pages::refuse_early(failure) }
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
