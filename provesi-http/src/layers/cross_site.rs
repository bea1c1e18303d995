//! Writes that a web page of another site makes a browser send.
//!
//! A browser asks before it sends JSON to another site (CORS), but not before a POST whose body has no type, which the API
//! takes for JSON as the Python system does. What CORS allows passes; what it does not is refused here.

use std::sync::Arc;

use axum::extract::Request;
use axum::http::{HeaderName, Method, header};
use axum::response::{IntoResponse, Response};
use tower::Service;

use crate::boundary::{self, Check, Step};
use crate::error::ApiError;
use crate::options::{CorsOptions, Origins};
use crate::pages::origin;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses what these options do not allow.
pub(crate) fn layer(options: &CorsOptions) -> Step<CrossSite> {
    Step::new(CrossSite(Arc::new(options.clone())))
}

#[derive(Clone, Debug)]
pub(crate) struct CrossSite(Arc<CorsOptions>);

impl Check for CrossSite {
    fn concerns(&self, request: &Request) -> bool {
        let reads = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
        !reads && is_foreign(request) && !allows(&self.0, request)
    }

    async fn pass<S>(self, _: Request, _: S) -> Result<Response, S::Error>
    where
        S: Service<Request, Response = Response> + Send + 'static,
        S::Error: Send,
        S::Future: Send,
    {
        Ok(ApiError::CrossSite.into_response())
    }
}

/// Browsers say where a request comes from: in `Sec-Fetch-Site` to who they trust (TLS, or the same machine), in `Origin`
/// to everybody. Programs say neither.
fn is_foreign(request: &Request) -> bool {
    let headers = request.headers();
    // No page can make a browser send a token.
    if boundary::service(request.extensions()).is_some() {
        return false;
    }
    match headers.get(FETCH_SITE).map(axum::http::HeaderValue::as_bytes) {
        Some(site) => site != b"same-origin" && site != b"none",
        None => headers.contains_key(header::ORIGIN) && !origin::is_ours(request),
    }
}

fn allows(options: &CorsOptions, request: &Request) -> bool {
    let origin = request.headers().get(header::ORIGIN);
    let is_allowed = match &options.origins {
        Origins::Any => true,
        Origins::List(origins) => origin.is_some_and(|origin| origins.contains(origin)),
    };
    is_allowed && options.methods.contains(request.method())
}
