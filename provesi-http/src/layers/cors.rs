//! Which web pages of other origins may use the API.

use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::Request;
use axum::http::{Method, header};
use axum::response::Response;
use tower::{Layer, Service};
use tower_http::cors::{AllowOrigin, Any, Cors, CorsLayer};

use crate::layers::REQUEST_ID;
use crate::options::{CorsOptions, Origins};

/// The layer that the options describe.
pub(crate) fn layer(options: &CorsOptions) -> PreflightLayer {
    let origins = match &options.origins {
        Origins::Any => AllowOrigin::from(Any),
        Origins::List(origins) => AllowOrigin::list(origins.iter().cloned()),
    };
    PreflightLayer(
        CorsLayer::new()
            .allow_origin(origins)
            .allow_methods(options.methods.clone())
            .allow_headers(options.headers.clone())
            .expose_headers([header::ETAG, header::RETRY_AFTER, REQUEST_ID]),
    )
}

/// tower-http takes every OPTIONS request for a preflight of a browser and answers it. One that is none belongs to
/// the route, which says what methods it allows.
#[derive(Clone, Debug)]
pub(crate) struct PreflightLayer(CorsLayer);

impl<S: Clone> Layer<S> for PreflightLayer {
    type Service = Preflight<S>;

    fn layer(&self, inner: S) -> Preflight<S> {
        Preflight { cors: self.0.layer(inner.clone()), inner }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Preflight<S> {
    cors: Cors<S>,
    inner: S,
}

impl<S> Service<Request> for Preflight<S>
where
    S: Service<Request, Response = Response> + Clone + Send + 'static,
    S::Error: Send,
    S::Future: Send + 'static,
    Cors<S>: Service<Request, Response = Response<Body>, Error = S::Error>,
    <Cors<S> as Service<Request>>::Future: Send + 'static,
{
    type Response = Response;
    type Error = S::Error;
    type Future = futures_util::future::Either<<Cors<S> as Service<Request>>::Future, S::Future>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        std::task::ready!(self.inner.poll_ready(context))?;
        self.cors.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let is_plain = request.method() == Method::OPTIONS
            && !request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
        if is_plain {
            futures_util::future::Either::Right(self.inner.call(request))
        } else {
            futures_util::future::Either::Left(self.cors.call(request))
        }
    }
}
