//! The router of a server that waits for its stores.

use askama::Template;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;

use crate::error::ApiError;
use crate::failure::Failure;
use crate::health::{self, probes};
use crate::lifecycle::Lifecycle;

/// A page that says so, and tries again by itself.
#[derive(Template)]
#[template(path = "starting.html")]
struct StartingPage;

/// The router for as long as an application has no stores: `/livez` and `/readyz` answer, everything else is 503 with
/// `Retry-After`. Give the router that replaces it the same [`lifecycle`](crate::HttpOptions::lifecycle).
pub fn starting_router(lifecycle: Lifecycle) -> Router {
    Router::new()
        .route("/livez", get(probes::livez))
        .route("/readyz", get(readyz))
        .fallback(refuse)
        .with_state(lifecycle)
}

async fn readyz(State(lifecycle): State<Lifecycle>) -> Response {
    // Ready, and not yet replaced: for no longer than that takes.
    probes::not_ready(&lifecycle).unwrap_or_else(|| ApiError::Failure(Failure::Starting).into_response())
}

async fn refuse(request: Request) -> Response {
    let path = request.uri().path();
    let is_page = !(path.starts_with("/api") || path.contains("/api/") || health::is_health_path(path));
    let mut answer = if is_page {
        let page = StartingPage.render().unwrap_or_default();
        (StatusCode::SERVICE_UNAVAILABLE, [(header::RETRY_AFTER, "5")], Html(page)).into_response()
    } else {
        ApiError::Failure(Failure::Starting).into_response()
    };
    let headers = answer.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'"),
    );
    answer
}
