//! What every request goes through. The README has the order and its reasons; the numbers below are those of its list.

mod accept_encoding;
mod around;
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

pub(crate) use around::{Around, AroundLayer, Inner, answer};
pub(crate) use request_id::{REQUEST_ID, RequestId};
pub(crate) use timeout::WriteProgress;
pub(crate) use user::UserHeaderFault;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use tower::util::MapRequestLayer;
use tower_http::compression::CompressionLayer;

use crate::HttpOptions;
use crate::error::ApiError;
use crate::failure::Failure;
use crate::{idempotency, pages};

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

/// What may refuse: 9 to 11. For the API, it also reads the idempotency key of a write.
#[derive(Clone, Debug)]
struct Guard {
    timeout: Duration,
    body_limit: usize,
    refuse: Refuse,
    reads_key: bool,
}

impl Guard {
    fn new(options: &HttpOptions, refuse: Refuse, reads_key: bool) -> AroundLayer<Self> {
        AroundLayer(Self { timeout: options.timeout, body_limit: options.body_limit, refuse, reads_key })
    }

    /// The request as its handler gets it.
    async fn read(&self, request: Request) -> Result<Request, ApiError> {
        let request = body_limit::limit(request, self.body_limit)?;
        if self.reads_key { idempotency::read_key(request).await } else { Ok(request) }
    }
}

impl Around for Guard {
    async fn around(self, request: Request, inner: impl Inner) -> Response {
        let handle = async |request| match self.read(request).await {
            Ok(request) => answer(inner, request).await,
            Err(error) => (self.refuse)(error),
        };
        panics::catch(self.refuse, timeout::cut(self.timeout, self.refuse, request, handle)).await
    }
}

/// The steps 1 to 3.
#[derive(Clone, Debug)]
struct Outermost(Arc<connection::Rules>);

const NOSNIFF: HeaderValue = HeaderValue::from_static("nosniff");
const NO_STORE: HeaderValue = HeaderValue::from_static("no-store");

impl Around for Outermost {
    async fn around(self, request: Request, inner: impl Inner) -> Response {
        let handle = async move |mut request| {
            let mut answer = match self.0.read(&mut request) {
                Ok(()) => answer(inner, request).await,
                Err(refusal) => refusal,
            };
            answer.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, NOSNIFF);
            answer.headers_mut().entry(header::CACHE_CONTROL).or_insert(NO_STORE);
            answer
        };
        request_log::log(request, handle).await
    }
}

/// Puts the routes that are there so far behind the layers that may refuse, 9 to 11.
pub(crate) fn guard<S: Clone + Send + Sync + 'static>(
    routes: Router<S>,
    options: &HttpOptions,
    refuse: Refuse,
) -> Router<S> {
    routes.layer(Guard::new(options, refuse, false))
}

/// Puts the routes of the API behind the layers that may refuse and those that only the API has, 7 to 11.
pub(crate) fn guard_api<S: Clone + Send + Sync + 'static>(routes: Router<S>, options: &HttpOptions) -> Router<S> {
    let guard = Guard::new(options, |error| error.into_response(), true);
    // As one, since what each layer of a router costs is paid by every request.
    routes.layer((cors::layer(&options.cors), cross_site::layer(&options.cors), guard))
}

/// Puts the routes that are there so far behind the layers that all have, 1 to 6.
pub(crate) fn apply(routes: Router, options: &HttpOptions) -> Router {
    let outermost = AroundLayer(Outermost(Arc::new(connection::Rules::new(options))));
    let boundary = options.boundary.clone().with_body_limit(options.body_limit).with_timeout(options.timeout);
    let known_host = known_host::layer(options);
    // As one, see `guard_api`.
    if options.compression {
        let plain = MapRequestLayer::new(accept_encoding::allow_identity);
        routes.layer((outermost, plain, CompressionLayer::new(), boundary, known_host))
    } else {
        routes.layer((outermost, boundary, known_host))
    }
}
