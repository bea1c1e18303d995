//! Writes that a web page of another site makes a browser send.
//!
//! A browser asks before it sends JSON to another site (CORS), but not before a POST whose body has no type, which the API
//! takes for JSON as the Python system does. What CORS allows passes; what it does not is refused here.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderName, Method, header};
use axum::response::IntoResponse;
use tower_http::validate_request::{ValidateRequest, ValidateRequestHeaderLayer};

use crate::boundary;
use crate::error::ApiError;
use crate::options::{CorsOptions, Origins};
use crate::pages::origin;

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Refuses what these options do not allow.
pub(crate) fn layer(
    options: &CorsOptions,
) -> ValidateRequestHeaderLayer<impl ValidateRequest<Body, ResponseBody = Body> + Clone + Send + Sync + 'static> {
    let options = Arc::new(options.clone());
    boundary::refuse_if(move |request| {
        let reads = [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method());
        let is_refused = !reads && is_foreign(request) && !allows(&options, request);
        is_refused.then(|| ApiError::CrossSite.into_response())
    })
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
